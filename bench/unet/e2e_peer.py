"""One contender of `deno task bench:e2e`: the released code's schedule in PyTorch on the CPU.

Builds MONAI Generative's DiffusionModelUNet at the published size with seeded weights. The first
line of the output has PyTorch's version. Each line "round" of the input then runs one step of the
inversion on the phrase and the empty phrase together (batch 2), as in the released code, and the
answer is its seconds. The line "peak" asks for the peak of memory in bytes.

    python3 bench/unet/e2e_peer.py [folder with MONAI GenerativeModels]
"""

import json
import resource
import sys
import time

if len(sys.argv) > 1:
    sys.path.insert(0, sys.argv[1])

import torch
from published_unet import published_unet

unet = published_unet()
latent = torch.randn(1, 3, 64, 64)
context = torch.randn(2, 77, 1024)
step = 0
print(json.dumps({"version": f"PyTorch {torch.__version__.split('+')[0]}"}), flush=True)
with torch.no_grad():
    for line in sys.stdin:
        if line.strip() == "peak":
            print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, flush=True)
            continue
        began = time.perf_counter()
        timesteps = torch.full((2,), 3 * step)
        prediction = unet(latent.repeat(2, 1, 1, 1), timesteps=timesteps, context=context)
        # The guidance scale is 0, so only the empty phrase moves the latent.
        latent = 0.999 * latent + 0.01 * prediction[:1]
        step += 1
        print(time.perf_counter() - began, flush=True)
