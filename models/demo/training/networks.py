"""The three networks of a latent diffusion model, with the published model's parameter names.

The networks are small and follow docs/method.md, section 1. Their checkpoints load wherever the
published checkpoints load.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Conv(nn.Module):
    """A convolution whose tensors are named `conv.weight` and `conv.bias`."""

    def __init__(self, inputs: int, outputs: int, size: int = 3, stride: int = 1, padding=None):
        super().__init__()
        padding = size // 2 if padding is None else padding
        self.conv = nn.Conv2d(inputs, outputs, size, stride, padding)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class Up(nn.Module):
    """Doubles both sides by repeating pixels, then convolves."""

    def __init__(self, width: int):
        super().__init__()
        self.conv = Conv(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))


# --- autoencoder -------------------------------------------------------------------------------


class AutoencoderBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int, groups: int, eps: float):
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, inputs, eps)
        self.conv1 = Conv(inputs, outputs)
        self.norm2 = nn.GroupNorm(groups, outputs, eps)
        self.conv2 = Conv(outputs, outputs)
        self.nin_shortcut = Conv(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv1(F.silu(self.norm1(x)))
        return self.nin_shortcut(x) + self.conv2(F.silu(self.norm2(h)))


class AutoencoderDown(nn.Module):
    """Halves both sides; pads only right and bottom, like the published model."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv = Conv(channels, channels, stride=2, padding=0)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.pad(x, (0, 1, 0, 1)))


class Blocks(nn.Module):
    def __init__(self, blocks: list[nn.Module]):
        super().__init__()
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return x


class Autoencoder(nn.Module):
    """Encodes images [batch, 1, size, size] in 0..1 to latents, and decodes latents."""

    def __init__(self, config: dict):
        super().__init__()
        channels, counts = config["num_channels"], config["num_res_blocks"]
        groups, eps = config["norm_num_groups"], config["norm_eps"]
        latent = config["latent_channels"]
        blocks: list[nn.Module] = [Conv(config["in_channels"], channels[0])]
        width = channels[0]
        for level, (next_width, count) in enumerate(zip(channels, counts)):
            for _ in range(count):
                blocks.append(AutoencoderBlock(width, next_width, groups, eps))
                width = next_width
            if level + 1 < len(channels):
                blocks.append(AutoencoderDown(width))
        blocks += [nn.GroupNorm(groups, width, eps), Conv(width, latent)]
        self.encoder = Blocks(blocks)
        blocks = [Conv(latent, width)]
        for level, (next_width, count) in enumerate(zip(channels[::-1], counts[::-1])):
            for _ in range(count):
                blocks.append(AutoencoderBlock(width, next_width, groups, eps))
                width = next_width
            if level + 1 < len(channels):
                blocks.append(Up(width))
        blocks += [nn.GroupNorm(groups, width, eps), Conv(width, config["in_channels"])]
        self.decoder = Blocks(blocks)
        self.quant_conv_mu = Conv(latent, latent, 1)
        self.quant_conv_log_sigma = Conv(latent, latent, 1)
        self.post_quant_conv = Conv(latent, latent, 1)

    def encode(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the mean and the logarithm of the variance of the latent."""
        h = self.encoder(image)
        return self.quant_conv_mu(h), self.quant_conv_log_sigma(h).clamp(-30, 20)

    def decode(self, latent: Tensor) -> Tensor:
        return self.decoder(self.post_quant_conv(latent))


# --- U-Net -------------------------------------------------------------------------------------


class ResidualBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int, time: int, groups: int, eps: float):
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, inputs, eps)
        self.conv1 = Conv(inputs, outputs)
        self.time_emb_proj = nn.Linear(time, outputs)
        self.norm2 = nn.GroupNorm(groups, outputs, eps)
        self.conv2 = Conv(outputs, outputs)
        self.skip_connection = Conv(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        # The block begins as the identity, which trains faster.
        nn.init.zeros_(self.conv2.conv.weight)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        h = self.conv1(F.silu(self.norm1(x)))
        h = h + self.time_emb_proj(F.silu(time))[:, :, None, None]
        return self.skip_connection(x) + self.conv2(F.silu(self.norm2(h)))


class Attention(nn.Module):
    """Attention with one head; stores its softmax [batch, positions, tokens] if `keep` is set."""

    def __init__(self, width: int, context: int):
        super().__init__()
        self.to_q = nn.Linear(width, width, bias=False)
        self.to_k = nn.Linear(context, width, bias=False)
        self.to_v = nn.Linear(context, width, bias=False)
        self.to_out = nn.ModuleList([nn.Linear(width, width)])
        self.scale = width**-0.5
        self.keep = False
        self.map: Tensor | None = None

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        context = x if context is None else context
        q, k, v = self.to_q(x), self.to_k(context), self.to_v(context)
        if not self.keep:
            # The fused kernel wants an axis of heads, and does not write out the softmax.
            heads = F.scaled_dot_product_attention(q[:, None], k[:, None], v[:, None])
            return self.to_out[0](heads[:, 0])
        weights = torch.softmax(torch.bmm(q, k.transpose(1, 2)) * self.scale, dim=-1)
        # A training that teaches attention needs its gradient.
        self.map = weights if self.training else weights.detach()
        return self.to_out[0](torch.bmm(weights, v))


class Mlp(nn.Module):
    """GEGLU: the first half times the GELU of the second."""

    def __init__(self, width: int):
        super().__init__()
        self.linear1 = nn.Linear(width, 8 * width)
        self.linear2 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        value, gate = self.linear1(x).chunk(2, dim=-1)
        return self.linear2(value * F.gelu(gate))


class TransformerBlock(nn.Module):
    def __init__(self, width: int, context: int):
        super().__init__()
        self.attn1 = Attention(width, width)
        self.ff = Mlp(width)
        self.attn2 = Attention(width, context)
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)
        self.norm3 = nn.LayerNorm(width)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        x = x + self.attn1(self.norm1(x))
        x = x + self.attn2(self.norm2(x), context)
        return x + self.ff(self.norm3(x))


class SpatialTransformer(nn.Module):
    def __init__(self, width: int, context: int, groups: int, eps: float):
        super().__init__()
        self.norm = nn.GroupNorm(groups, width, eps)
        self.proj_in = Conv(width, width, 1)
        self.transformer_blocks = nn.ModuleList([TransformerBlock(width, context)])
        self.proj_out = Conv(width, width, 1)
        nn.init.zeros_(self.proj_out.conv.weight)
        nn.init.zeros_(self.proj_out.conv.bias)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        batch, width, height, breadth = x.shape
        h = self.proj_in(self.norm(x)).reshape(batch, width, -1).transpose(1, 2)
        for block in self.transformer_blocks:
            h = block(h, context)
        return x + self.proj_out(h.transpose(1, 2).reshape(batch, width, height, breadth))


class Down(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.op = Conv(width, width, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.op(x)


class Level(nn.Module):
    """Residual blocks of one resolution; if the level attends, each has a transformer."""

    def __init__(self, widths: list[tuple[int, int]], attends: bool, config: dict, time: int):
        super().__init__()
        groups, eps = config["norm_num_groups"], config["norm_eps"]
        if attends:
            self.attentions = nn.ModuleList([
                SpatialTransformer(width, config["cross_attention_dim"], groups, eps)
                for _, width in widths
            ])
        self.resnets = nn.ModuleList([
            ResidualBlock(inputs, outputs, time, groups, eps) for inputs, outputs in widths
        ])
        self.attends = attends

    def step(self, index: int, x: Tensor, time: Tensor, context: Tensor) -> Tensor:
        x = self.resnets[index](x, time)
        return self.attentions[index](x, context) if self.attends else x


class Middle(nn.Module):
    def __init__(self, width: int, config: dict, time: int):
        super().__init__()
        groups, eps = config["norm_num_groups"], config["norm_eps"]
        self.resnet_1 = ResidualBlock(width, width, time, groups, eps)
        self.attention = SpatialTransformer(width, config["cross_attention_dim"], groups, eps)
        self.resnet_2 = ResidualBlock(width, width, time, groups, eps)

    def forward(self, x: Tensor, time: Tensor, context: Tensor) -> Tensor:
        return self.resnet_2(self.attention(self.resnet_1(x, time), context), time)


class Unet(nn.Module):
    """Predicts from a latent [batch, channels, side, side], timesteps [batch] and context."""

    def __init__(self, config: dict):
        super().__init__()
        channels, attends = config["num_channels"], config["attention_levels"]
        count = config["num_res_blocks"]
        groups, eps = config["norm_num_groups"], config["norm_eps"]
        time = 4 * channels[0]
        self.width = channels[0]
        self.conv_in = Conv(config["in_channels"], channels[0])
        self.time_embed = nn.Sequential(
            nn.Linear(channels[0], time), nn.SiLU(), nn.Linear(time, time)
        )
        skips, width = [channels[0]], channels[0]
        down = []
        for level, next_width in enumerate(channels):
            widths = []
            for _ in range(count):
                widths.append((width, next_width))
                width = next_width
                skips.append(width)
            block = Level(widths, attends[level], config, time)
            if level + 1 < len(channels):
                block.downsampler = Down(width)
                skips.append(width)
            down.append(block)
        self.down_blocks = nn.ModuleList(down)
        self.middle_block = Middle(width, config, time)
        up = []
        for level in reversed(range(len(channels))):
            widths = []
            for _ in range(count + 1):
                widths.append((width + skips.pop(), channels[level]))
                width = channels[level]
            block = Level(widths, attends[level], config, time)
            if level > 0:
                block.upsampler = Up(width)
            up.append(block)
        self.up_blocks = nn.ModuleList(up)
        self.out = nn.Sequential(
            nn.GroupNorm(groups, width, eps), nn.SiLU(), Conv(width, config["out_channels"])
        )

    def forward(self, x: Tensor, timesteps: Tensor, context: Tensor) -> Tensor:
        half = self.width // 2
        frequency = torch.exp(-math.log(10000) * torch.arange(half, device=x.device) / half)
        angle = timesteps.float()[:, None] * frequency[None]
        time = self.time_embed(torch.cat([angle.cos(), angle.sin()], dim=1).to(x.dtype))
        h = self.conv_in(x)
        skips = [h]
        for block in self.down_blocks:
            for index in range(len(block.resnets)):
                h = block.step(index, h, time, context)
                skips.append(h)
            if hasattr(block, "downsampler"):
                h = block.downsampler(h)
                skips.append(h)
        h = self.middle_block(h, time, context)
        for block in self.up_blocks:
            for index in range(len(block.resnets)):
                h = block.step(index, torch.cat([h, skips.pop()], dim=1), time, context)
            if hasattr(block, "upsampler"):
                h = block.upsampler(h)
        return self.out(h)

    def cross_attentions(self) -> list[Attention]:
        """Returns the layers in the order of docs/method.md, section 1: down, middle, up."""
        levels = [*self.down_blocks, None, *self.up_blocks]
        found = []
        for level in levels:
            if level is None:
                found.append(self.middle_block.attention.transformer_blocks[0].attn2)
            elif level.attends:
                found += [a.transformer_blocks[0].attn2 for a in level.attentions]
        return found


# --- text encoder ------------------------------------------------------------------------------


class TextEncoder(nn.Module):
    """CLIP's text encoder without layers: embeddings and the final LayerNorm.

    With layers, the end token would see the whole phrase and attract the attention. The method
    reads the attention of the phrase's own tokens.
    """

    def __init__(self, config: dict):
        super().__init__()
        if config["num_hidden_layers"] != 0:
            raise ValueError("expected a text encoder of 0 layers")
        hidden = config["hidden_size"]
        self.text_model = nn.Module()
        self.text_model.embeddings = nn.Module()
        self.text_model.embeddings.token_embedding = nn.Embedding(config["vocab_size"], hidden)
        self.text_model.embeddings.position_embedding = nn.Embedding(
            config["max_position_embeddings"], hidden
        )
        self.text_model.final_layer_norm = nn.LayerNorm(hidden, config["layer_norm_eps"])
        nn.init.normal_(self.text_model.embeddings.token_embedding.weight, std=0.5)
        nn.init.normal_(self.text_model.embeddings.position_embedding.weight, std=0.02)

    def forward(self, ids: Tensor) -> Tensor:
        embeddings = self.text_model.embeddings
        places = embeddings.position_embedding.weight[: ids.shape[1]]
        return self.text_model.final_layer_norm(embeddings.token_embedding(ids) + places)
