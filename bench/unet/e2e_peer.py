"""A peer of `deno task bench:e2e` and `bench:gpu`: the released code's schedule in PyTorch.

Builds MONAI Generative's DiffusionModelUNet at the published size with seeded weights. Each step of
the inversion runs on the phrase and the empty phrase together (batch 2), as in the released code.
Prints one JSON line: seconds of each step, peak memory, version and number of threads. On CUDA the
peak is that of the GPU.

    python3 bench/unet/e2e_peer.py STEPS [--cuda] [--autocast] [folder with MONAI GenerativeModels]
"""

import json
import resource
import sys
import time

steps, *rest = sys.argv[1:]
device = "cuda" if "--cuda" in rest else "cpu"
sys.path[:0] = [path for path in rest if not path.startswith("--")]

import torch
from published_unet import published_unet

if device == "cuda" and not torch.cuda.is_available():
    sys.exit("PyTorch finds no CUDA device")
unet = published_unet().to(device)
latent = torch.randn(1, 3, 64, 64, device=device)
context = torch.randn(2, 77, 1024, device=device)
seconds = []
with torch.no_grad(), torch.autocast(device, enabled="--autocast" in rest):
    # The first step is not counted, because it allocates memory and selects kernels.
    for step in range(int(steps) + 1):
        began = time.perf_counter()
        timesteps = torch.full((2,), 3 * step, device=device)
        prediction = unet(latent.repeat(2, 1, 1, 1), timesteps=timesteps, context=context)
        # The guidance scale is 0, so only the empty phrase moves the latent.
        latent = 0.999 * latent + 0.01 * prediction[:1]
        if device == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - began)
print(
    json.dumps(
        {
            "seconds": seconds[1:],
            "peakBytes": torch.cuda.max_memory_allocated()
            if device == "cuda"
            else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            "version": f"PyTorch {torch.__version__.split('+')[0]}",
            "threads": torch.get_num_threads(),
        }
    )
)
