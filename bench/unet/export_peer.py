"""Exports the published U-Net's architecture from PyTorch for `deno task bench:model`.

    pip install torch onnx monai-generative
    python bench/unet/export_peer.py peer.onnx
    deno task bench:model --peer peer.onnx

The weights are seeded and random. torch.onnx.export makes the graph from MONAI Generative's
DiffusionModelUNet in float32 (opset 17, one latent of 64x64).
"""

import sys

import torch
from published_unet import published_unet


class Unet(torch.nn.Module):
    def __init__(self, unet):
        super().__init__()
        self.unet = unet

    def forward(self, latent, timestep, context):
        return self.unet(latent, timesteps=timestep, context=context)


inputs = (torch.randn(1, 3, 64, 64), torch.tensor([400]), torch.randn(1, 77, 1024))
torch.onnx.export(
    Unet(published_unet()),
    inputs,
    sys.argv[1],
    opset_version=17,
    dynamo=False,
    input_names=["latent", "timestep", "context"],
    output_names=["prediction"],
)
