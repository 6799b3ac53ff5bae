"""A peer of `deno task bench:gpu`: the released code's schedule in PyTorch with CUDA.

Builds MONAI Generative's DiffusionModelUNet at the published size with seeded weights. Each step of
the inversion runs on the phrase and the empty phrase together (batch 2), as in the released code.
Prints one JSON line: seconds of each step, the GPU's peak memory in bytes, and the version.

    python3 bench/gpu/gpu_peer.py STEPS [--autocast]
"""

import json
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "unet"))

import torch
from published_unet import published_unet

if not torch.cuda.is_available():
    sys.exit("PyTorch finds no CUDA device")
unet = published_unet().cuda()
latent = torch.randn(1, 3, 64, 64, device="cuda")
context = torch.randn(2, 77, 1024, device="cuda")
seconds = []
with torch.no_grad(), torch.autocast("cuda", enabled="--autocast" in sys.argv):
    # The first step is not counted, because it allocates memory and selects kernels.
    for step in range(int(sys.argv[1]) + 1):
        began = time.perf_counter()
        timesteps = torch.full((2,), 3 * step, device="cuda")
        prediction = unet(latent.repeat(2, 1, 1, 1), timesteps=timesteps, context=context)
        # The guidance scale is 0, so only the empty phrase moves the latent.
        latent = 0.999 * latent + 0.01 * prediction[:1]
        torch.cuda.synchronize()
        seconds.append(time.perf_counter() - began)
print(
    json.dumps(
        {
            "seconds": seconds[1:],
            "peakBytes": torch.cuda.max_memory_allocated(),
            "version": f"PyTorch {torch.__version__.split('+')[0]}",
        }
    )
)
