"""MedRPG in PyTorch, the peer of `deno task bench:medrpg`.

    pip install torch torchvision transformers safetensors pillow numpy

The network is that of the released code: torchvision's ResNet-50 with frozen norms, torch's
attention, and transformers' BERT. Each line on stdin has the ids of a phrase. As the released code
does, the program runs the whole network for each image and phrase, from the decoded pixels. The
answer is a line of JSON: seconds, and the box as shares of the padded square.
"""

import json
import math
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F
import torchvision
from PIL import Image
from safetensors.torch import load_file
from torch import nn
from torchvision.ops import FrozenBatchNorm2d
from transformers import BertConfig, BertModel

SIDE, TOKENS, WIDTH, HEADS, MLP, LAYERS = 640, 20, 256, 8, 2048, 6


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(WIDTH, HEADS)
        self.linear1, self.linear2 = nn.Linear(WIDTH, MLP), nn.Linear(MLP, WIDTH)
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)

    def forward(self, x, mask, position):
        placed = x + position
        x = self.norm1(x + self.self_attn(placed, placed, x, key_padding_mask=mask)[0])
        return self.norm2(x + self.linear2(F.relu(self.linear1(x))))


class Stack(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Module()
        self.encoder.layers = nn.ModuleList(Layer() for _ in range(LAYERS))

    def forward(self, x, mask, position):
        for layer in self.encoder.layers:
            x = layer(x, mask, position)
        return x


def sine_position(padding):
    seen = ~padding
    places = []
    for axis in (0, 1):
        count = seen.cumsum(axis, dtype=torch.float32)
        place = count / (count.select(axis, -1).unsqueeze(axis) + 1e-6) * 2 * math.pi
        channel = torch.arange(WIDTH // 2, dtype=torch.float32)
        angle = place[..., None] / 10000 ** (2 * (channel // 2) / (WIDTH // 2))
        pair = (angle[..., 0::2].sin(), angle[..., 1::2].cos())
        places.append(torch.stack(pair, -1).flatten(2))
    return torch.cat(places, -1).flatten(0, 1)[:, None]


class MedRPG(nn.Module):
    def __init__(self):
        super().__init__()
        resnet = torchvision.models.resnet50(norm_layer=FrozenBatchNorm2d)
        del resnet.fc
        joiner = nn.Module()
        joiner.body = resnet
        self.visumodel = nn.Module()
        self.visumodel.backbone = nn.ModuleList([joiner])
        self.visumodel.input_proj = nn.Conv2d(2048, WIDTH, 1)
        self.visumodel.transformer = Stack()
        self.textmodel = nn.Module()
        self.textmodel.bert = BertModel(BertConfig())
        self.vl_pos_embed = nn.Embedding(1 + TOKENS + (SIDE // 32) ** 2, WIDTH)
        self.reg_token = nn.Embedding(1, WIDTH)
        self.visu_proj, self.text_proj = nn.Linear(WIDTH, WIDTH), nn.Linear(768, WIDTH)
        self.vl_transformer = Stack()
        self.bbox_embed = nn.Module()
        self.bbox_embed.layers = nn.ModuleList(nn.Linear(WIDTH, n) for n in (WIDTH, WIDTH, 4))

    def forward(self, image, padding, ids, text_mask):
        body = self.visumodel.backbone[0].body
        x = body.maxpool(body.relu(body.bn1(body.conv1(image))))
        x = body.layer4(body.layer3(body.layer2(body.layer1(x))))
        cells = F.interpolate(padding[None, None].float(), size=x.shape[-2:])[0, 0].bool()
        x = self.visumodel.input_proj(x).flatten(2).permute(2, 0, 1)
        x = self.visumodel.transformer(x, cells.flatten()[None], sine_position(cells))
        text = self.textmodel.bert(ids, attention_mask=text_mask).last_hidden_state
        box = self.reg_token.weight[:, None]
        x = torch.cat([box, self.text_proj(text).permute(1, 0, 2), self.visu_proj(x)])
        hidden = torch.cat([torch.zeros(1, dtype=torch.bool), ~text_mask[0].bool(), cells.flatten()])
        x = self.vl_transformer(x, hidden[None], self.vl_pos_embed.weight[:, None])[0]
        first, second, last = self.bbox_embed.layers
        return last(F.relu(second(F.relu(first(x))))).sigmoid()


def see(pixels, width, height):
    ratio = SIDE / max(width, height)
    to = round(width * ratio), round(height * ratio)
    seen = np.asarray(Image.fromarray(pixels).convert("RGB").resize(to, Image.BILINEAR))
    values = torch.from_numpy(seen.copy()).permute(2, 0, 1).float() / 255
    mean, deviation = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])[..., None, None]
    left, top = (round((SIDE - length) / 2 - 0.1) for length in to)
    image, padding = torch.zeros(3, SIDE, SIDE), torch.ones(SIDE, SIDE, dtype=torch.bool)
    image[:, top : top + to[1], left : left + to[0]] = (values - mean) / deviation
    padding[top : top + to[1], left : left + to[0]] = False
    return image[None], padding


def main(weights, pixels, width, height, threads):
    torch.set_num_threads(threads)
    model = MedRPG().eval()
    missing, unexpected = model.load_state_dict(load_file(weights), strict=False)
    if unexpected or any("pooler" not in name for name in missing):
        raise SystemExit(f"other tensors: {missing}, {unexpected}")
    image = np.fromfile(pixels, np.uint8).reshape(height, width)
    print(json.dumps({"version": torch.__version__}), flush=True)
    for line in sys.stdin:
        ids = [101, *map(int, line.split()), 102]
        began = time.perf_counter()
        padded = torch.tensor([ids + [0] * (TOKENS - len(ids))])
        mask = (torch.arange(TOKENS) < len(ids)).long()[None]
        box = model(*see(image, width, height), padded, mask)[0].tolist()
        print(json.dumps({"seconds": time.perf_counter() - began, "box": box}), flush=True)


with torch.no_grad():
    main(*sys.argv[1:3], *map(int, sys.argv[3:]))
