"""One contender of `deno task bench:e2e`: the released code's schedule in PyTorch on the CPU.

Builds MONAI Generative's DiffusionModelUNet at the published size with seeded weights. Each step of
the inversion runs on the phrase and the empty phrase together (batch 2), as in the released code.
Prints one JSON line: seconds of each step, peak memory, version and number of threads.

    python3 bench/unet/e2e_peer.py STEPS [folder with MONAI GenerativeModels]
"""

import json
import resource
import sys
import time

if len(sys.argv) > 2:
    sys.path.insert(0, sys.argv[2])

import torch
from published_unet import published_unet

unet = published_unet()
latent = torch.randn(1, 3, 64, 64)
context = torch.randn(2, 77, 1024)
seconds = []
with torch.no_grad():
    # The first step is not counted, because it allocates memory and selects kernels.
    for step in range(int(sys.argv[1]) + 1):
        began = time.perf_counter()
        timesteps = torch.full((2,), 3 * step)
        prediction = unet(latent.repeat(2, 1, 1, 1), timesteps=timesteps, context=context)
        # The guidance scale is 0, so only the empty phrase moves the latent.
        latent = 0.999 * latent + 0.01 * prediction[:1]
        seconds.append(time.perf_counter() - began)
print(
    json.dumps(
        {
            "seconds": seconds[1:],
            "peakBytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            "version": f"PyTorch {torch.__version__.split('+')[0]}",
            "threads": torch.get_num_threads(),
        }
    )
)
