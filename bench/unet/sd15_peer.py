"""The peer of `deno task bench:sd15`: the same U-Net in PyTorch with diffusers, on the CPU.

    pip install torch diffusers
    python3 bench/unet/sd15_peer.py FOLDER

FOLDER has `config.json` and the weights. The script prints its version, and then answers each line
of its input by one line of JSON: `pass` by the seconds of a pass, `values` by its prediction, and
`memory` by its peak memory in bytes.
"""

import json
import resource
import sys
import time

import diffusers
import torch

unet = diffusers.UNet2DConditionModel.from_pretrained(sys.argv[1]).eval()
torch.set_grad_enabled(False)


def ramp(*shape):
    count = torch.Size(shape).numel()
    return torch.sin(torch.arange(count, dtype=torch.float64) * 0.7).float().reshape(shape)


latent = ramp(1, unet.config.in_channels, 64, 64)
context = ramp(1, 77, unet.config.cross_attention_dim)
prediction = None
versions = [f"{module.__name__} {module.__version__}" for module in (torch, diffusers)]
print(json.dumps({"version": ", ".join(versions)}), flush=True)
for line in sys.stdin:
    if line.strip() == "values":
        answer = prediction.flatten().tolist()
    elif line.strip() == "memory":
        answer = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    else:
        began = time.perf_counter()
        prediction = unet(latent, torch.tensor([400]), encoder_hidden_states=context).sample
        answer = time.perf_counter() - began
    print(json.dumps(answer), flush=True)
