#!/bin/bash
# Runs a Slurm cluster of two nodes on this machine's loopback: cluster.sh FOLDER PORT PORT PORT.
# Each node is a process namespace. A line "lose NAME" on the input kills all processes of the node
# at once. When the input ends, the cluster ends too and leaves no process behind.
set -euo pipefail
export PATH=$PATH:/usr/sbin:/sbin
for name in munged slurmctld slurmd unshare; do
  if ! command -v "$name" >/dev/null; then
    echo "There is no $name here; on Debian, slurm-wlm and munge bring it" >&2
    exit 1
  fi
done
own=(unshare --pid --fork --kill-child=KILL --mount-proc)
if [ $$ != 1 ]; then
  if ! "${own[@]}" true 2>/dev/null; then
    echo "A process namespace for each node needs root" >&2
    exit 1
  fi
  exec "${own[@]}" bash "$0" "$@"
fi

folder=$1
host=$(hostname -s)
export SLURM_CONF=$folder/slurm.conf
mkdir -p "$folder/state" "$folder/spool"
# Settings for a small cluster that soon notices a lost node and is apart from an installed Slurm.
cat >"$SLURM_CONF" <<END
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$2
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthInfo=socket=$folder/munge.socket,cred_expire=5
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool/%n
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/builtin
SchedulerParameters=sched_interval=1,sched_min_interval=0
SlurmdParameters=config_overrides
SlurmdTimeout=4
MessageTimeout=3
KillWait=2
NodeName=a NodeHostname=$host NodeAddr=127.0.0.1 Port=$3 CPUs=1
NodeName=b NodeHostname=$host NodeAddr=127.0.0.1 Port=$4 CPUs=1
PartitionName=all Nodes=a,b Default=YES MaxTime=INFINITE
END
(umask 077 && head -c 64 /dev/urandom >"$folder/munge.key")
munged --foreground --force --num-threads=1 --key-file="$folder/munge.key" \
  --socket="$folder/munge.socket" --pid-file="$folder/munge.pid" \
  --log-file="$folder/munge.log" --seed-file="$folder/munge.seed" </dev/null &>"$folder/munge.log" &
while kill -0 $! && [ ! -S "$folder/munge.socket" ]; do sleep 0.05; done
slurmctld -D -i </dev/null &>"$folder/slurmctld.log" &
declare -A nodes
for name in a b; do
  "${own[@]}" slurmd -D -N "$name" </dev/null &>"$folder/$name.log" &
  nodes[$name]=$!
done
while read -r _ name; do kill -KILL "${nodes[$name]}"; done
