"""Exports the published U-Net's architecture from PyTorch for `deno task bench:model`.

    pip install torch onnx monai-generative
    python bench/unet/export_peer.py peer.onnx
    deno task bench:model --peer peer.onnx

The weights are seeded and random. torch.onnx.export makes the graph from MONAI Generative's
DiffusionModelUNet in float32 (opset 17, one latent of 64x64).
"""

import sys

import torch
from generative.networks.nets import DiffusionModelUNet


class Unet(torch.nn.Module):
    def __init__(self, unet):
        super().__init__()
        self.unet = unet

    def forward(self, latent, timestep, context):
        return self.unet(latent, timesteps=timestep, context=context)


torch.manual_seed(0)
unet = DiffusionModelUNet(
    spatial_dims=2,
    in_channels=3,
    out_channels=3,
    num_res_blocks=2,
    num_channels=[256, 512, 768],
    attention_levels=[False, True, True],
    num_head_channels=[0, 512, 768],
    with_conditioning=True,
    cross_attention_dim=1024,
).eval()
for parameter in unet.parameters():
    if parameter.dim() > 1 and parameter.abs().max() == 0:
        # Layers that begin at zero give denormal results, which would distort the timing.
        parameter.data = 0.01 * torch.randn(parameter.shape)
inputs = (torch.randn(1, 3, 64, 64), torch.tensor([400]), torch.randn(1, 77, 1024))
torch.onnx.export(
    Unet(unet),
    inputs,
    sys.argv[1],
    opset_version=17,
    dynamo=False,
    input_names=["latent", "timestep", "context"],
    output_names=["prediction"],
)
