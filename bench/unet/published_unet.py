"""The published U-Net in MONAI Generative, with seeded weights: for the peers of the benchmarks."""

import torch
from generative.networks.nets import DiffusionModelUNet


def published_unet():
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
    return unet
