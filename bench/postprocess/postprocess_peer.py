"""The Python peers of `deno task bench`: the same computations with well-known libraries.

    python3 -m venv peers
    peers/bin/pip install torch torchvision scipy scikit-image torcheval
    PATH="$PWD/peers/bin:$PATH" deno task bench

Two contenders, written for this benchmark:

- `released`: the calls of the released code of Vilouras et al., in the same order. The map of each
  layer and step is resized before all maps are averaged. Scores are computed on a map of the
  original image's size.
- `best`: the fastest known way to the same result with these libraries. Maps are averaged first and
  resized once. The pixels of each region are counted once for each of the scores' thresholds.

The folder that is given holds the attention maps and a masked heatmap, both float32. Each line on
stdin is a request, such as {"run": "best.scores", "settings": {...}, "outcome": true}. The answer is
a line of JSON: seconds of the computation alone, and its outcome if that is wanted.
"""

import json
import sys
import time
import warnings

import numpy as np
import scipy
import skimage
import torch
import torch.nn.functional as F
import torchvision
from scipy import ndimage
from skimage.filters import threshold_multiotsu
from torcheval.metrics.functional import binary_binned_auroc
from torchvision.transforms import Resize

warnings.filterwarnings("ignore")

IOU_THRESHOLDS = [0.1, 0.2, 0.3, 0.4, 0.5]
ROC_THRESHOLDS = [0, 0.25, 0.5, 0.75, 1]


class Released:
    """The computations of the released code."""

    def scaled_maps(self, layers, tokens):
        """Returns a tensor [steps, side, side] for each layer, with each map scaled to 0..1."""
        start, end = tokens
        result = []
        for steps in layers:
            stack = torch.stack(steps, -1)  # [positions, tokens, steps]
            side = int(np.sqrt(stack.shape[0]))
            stack = stack.reshape(side, side, *stack.shape[1:])[..., start:end, :].mean(-2)
            lowest, highest = stack.amin((0, 1)), stack.amax((0, 1))
            result.append(((stack - lowest) / (highest - lowest)).permute(2, 0, 1))
        return result

    def resize(self, scaled_maps, size):
        # The release pins a torchvision that does not antialias tensors by default.
        resized = [Resize(size, antialias=False)(maps) for maps in scaled_maps]
        return torch.stack(resized).mean((0, 1))

    def gaussian(self, heatmap, sigma):
        return torch.from_numpy(ndimage.gaussian_filter(heatmap.numpy(), sigma=(sigma, sigma)))

    def smooth(self, scaled_maps, size, sigma):
        return self.gaussian(self.resize(scaled_maps, size), sigma)

    def scale(self, heatmap):
        return (heatmap - heatmap.min()) / (heatmap.max() - heatmap.min())

    def otsu(self, heatmap):
        thresholds = threshold_multiotsu(heatmap.numpy(), classes=2)
        mask = (heatmap[..., None] > torch.from_numpy(thresholds)).any(-1)
        return heatmap * mask.to(torch.float32), thresholds[0]

    def on_image(self, heatmap, width, height):
        side = min(width, height)
        heatmap = F.interpolate(heatmap[None, None], size=(side, side), mode="nearest")[0, 0]
        left, top = (width - side) // 2, (height - side) // 2
        margins = left, width - side - left, top, height - side - top
        return F.pad(heatmap, margins, value=float("nan"))

    def target(self, heatmap, boxes):
        target = torch.zeros_like(heatmap, dtype=torch.bool)
        for x, y, width, height in boxes:
            target[y : y + height, x : x + width] = True
        return target

    def contrast_to_noise(self, heatmap, boxes, is_absolute):
        heatmap = heatmap.clone()
        ratios = []
        for x, y, width, height in boxes:
            box = heatmap[y : y + height, x : x + width]
            mean, variance = box.nanmean(), (box - box.nanmean()).square().nanmean()
            heatmap[y : y + height, x : x + width] = float("nan")
            outside = (heatmap - heatmap.nanmean()).square().nanmean()
            contrast = mean - heatmap.nanmean()
            contrast = contrast.abs() if is_absolute else contrast
            ratios.append(torch.nan_to_num(contrast / torch.sqrt(variance + outside)).item())
        return sum(ratios) / len(ratios)

    def intersection_over_union(self, heatmap, boxes):
        target = self.target(heatmap, boxes)
        ratios = []
        for threshold in IOU_THRESHOLDS:
            mask = heatmap > threshold
            both = torch.logical_and(mask, target).sum().item()
            ratios.append(both / torch.logical_or(mask, target).sum().item())
        return sum(ratios) / len(ratios)

    def area_under_curve(self, heatmap, boxes):
        target = self.target(heatmap, boxes).long().flatten()
        return binary_binned_auroc(heatmap.flatten(), target, threshold=5)[0].item()

    def scores(self, heatmap, width, height, boxes):
        heatmap = self.on_image(heatmap, width, height)
        return [
            self.contrast_to_noise(heatmap, boxes, True),
            self.contrast_to_noise(heatmap, boxes, False),
            self.intersection_over_union(heatmap, boxes),
            self.area_under_curve(heatmap, boxes),
        ]

    def postprocess(self, layers, tokens, size, sigma):
        scaled = self.scale(self.smooth(self.scaled_maps(layers, tokens), size, sigma))
        return scaled, *self.otsu(scaled)



class Best(Released):
    """The fastest known computations with the same libraries."""

    def aggregate(self, layers, tokens):
        start, end = tokens
        means = layers[..., start:end].mean(-1)  # [layers, steps, positions]
        lowest, highest = torch.aminmax(means, dim=-1, keepdim=True)
        mean = ((means - lowest) / (highest - lowest)).mean((0, 1))
        side = int(np.sqrt(mean.numel()))
        return mean.reshape(side, side)

    def resize(self, mean, size):
        return F.interpolate(mean[None, None], size=(size, size), mode="bilinear")[0, 0]

    def smooth(self, mean, size, sigma):
        return self.gaussian(self.resize(mean, size), sigma)

    def gaussian(self, heatmap, sigma):
        # Blur a single 1 to get SciPy's own weights.
        radius = int(4 * sigma + 0.5)
        centre = np.zeros(2 * radius + 1)
        centre[radius] = 1
        weights = ndimage.gaussian_filter1d(centre, sigma, mode="constant")
        weights = torch.from_numpy(weights.astype(np.float32))
        for axis in 0, 1:
            before = heatmap.narrow(axis, 0, radius).flip(axis)
            after = heatmap.narrow(axis, heatmap.shape[axis] - radius, radius).flip(axis)
            padded = torch.cat([before, heatmap, after], axis)
            shape = (1, 1, -1, 1) if axis == 0 else (1, 1, 1, -1)
            heatmap = F.conv2d(padded[None, None], weights.reshape(shape))[0, 0]
        return heatmap

    def scale(self, heatmap):
        lowest, highest = torch.aminmax(heatmap)
        return (heatmap - lowest) / (highest - lowest)

    def otsu(self, heatmap):
        lowest, highest = (value.item() for value in torch.aminmax(heatmap))
        counts = torch.histc(heatmap, 256, lowest, highest).numpy()
        edges = np.linspace(lowest, highest, 257, dtype=np.float32)
        centres = (edges[1:] + edges[:-1]) / 2
        threshold = threshold_multiotsu(classes=2, hist=(counts, centres))[0]
        return heatmap * (heatmap > float(threshold)), threshold

    def scores(self, heatmap, width, height, boxes):
        side = min(width, height)
        left, top = (width - side) // 2, (height - side) // 2
        square = F.interpolate(heatmap[None, None], size=(side, side), mode="nearest")[0, 0]
        owners = torch.zeros((height, width), dtype=torch.uint8)
        for number, (x, y, w, h) in reversed(list(enumerate(boxes, 1))):
            owners[y : y + h, x : x + w] = number
        outside = int(torch.count_nonzero(owners))
        owners = owners[top : top + side, left : left + side]
        outside -= int(torch.count_nonzero(owners))
        pixels = [square[owners == number] for number in range(len(boxes) + 1)]
        # For each region: number of pixels, mean, mean square.
        moments = [(p.numel(), p.mean().double(), p.square().mean().double()) for p in pixels]
        above = self.counts(pixels, IOU_THRESHOLDS, torch.gt)
        at_least = self.counts(pixels, ROC_THRESHOLDS, torch.ge)
        hits, missed = above[1:].sum(0), above[0]
        marked = sum(p.numel() for p in pixels[1:]) + outside
        true, false = at_least[1:].sum(0).flip(0), at_least[0].flip(0)
        area = torch.trapezoid(F.pad(true, (1, 0)), F.pad(false, (1, 0)))
        ratios = self.ratios(moments)
        return [
            float(np.mean(np.abs(ratios))),
            float(np.mean(ratios)),
            (hits / (marked + missed)).mean().item(),
            (area / (true[-1] * false[-1])).item() if true[-1] * false[-1] > 0 else 0.5,
        ]

    def counts(self, pixels, thresholds, compare):
        counts = [[compare(p, t).count_nonzero() for t in thresholds] for p in pixels]
        return torch.tensor(counts, dtype=torch.float64)

    def ratios(self, moments):
        ratios = []
        for box in range(1, len(moments)):
            rest = [moments[0], *moments[box + 1 :]]
            total = sum(count for count, _, _ in rest)
            mean = sum(count * mean for count, mean, _ in rest) / total
            square = sum(count * square for count, _, square in rest) / total
            _, own_mean, own_square = moments[box]
            noise = own_square - own_mean**2 + square - mean**2
            ratios.append(float(torch.nan_to_num((own_mean - mean) / torch.sqrt(noise))))
        return ratios

    def postprocess(self, layers, tokens, size, sigma):
        scaled = self.scale(self.smooth(self.aggregate(layers, tokens), size, sigma))
        return scaled, *self.otsu(scaled)


CONTENDERS = {"released": Released(), "best": Best()}


@torch.no_grad()
def main(folder):
    modules = [np, torch, torchvision, scipy, skimage]
    versions = [f"{module.__name__} {module.__version__}" for module in modules]
    maps = torch.from_numpy(np.fromfile(f"{folder}/maps", "<f4").reshape(4, 60, 256, 77))
    heatmap = torch.from_numpy(np.fromfile(f"{folder}/heatmap", "<f4").reshape(512, 512))
    inputs = {"released": [list(layer) for layer in maps], "best": maps}
    threads = f"{torch.get_num_threads()} threads"
    print(json.dumps({"version": ", ".join([*versions, threads])}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        name, kernel = request["run"].split(".")
        compute = getattr(CONTENDERS[name], kernel)
        data = heatmap if kernel == "scores" else inputs[name]
        began = time.perf_counter()
        result = compute(data, **request["settings"])
        seconds = time.perf_counter() - began
        outcome = {}
        if request["outcome"] and kernel == "scores":
            outcome = {"scores": result}
        elif request["outcome"]:
            scaled, masked, threshold = result
            outcome = {
                "map": scaled.flatten().tolist(),
                "masked": masked.flatten().tolist(),
                "threshold": float(threshold),
            }
        print(json.dumps({"seconds": seconds, "outcome": outcome}), flush=True)


main(sys.argv[1])
