"""Trains the bundled demo model on phantoms; see README.md beside this file for the whole recipe.

    python3 train.py autoencoder --data DATA --run RUN
    python3 train.py diffusion   --data DATA --run RUN --model MODEL
    python3 train.py export      --data DATA --run RUN --model MODEL

DATA is a folder that draw_set.ts wrote. RUN receives checkpoints and curves (one JSON object per
line). MODEL is the folder of the bundle, which already holds the tokenizer of make_tokenizer.ts. An
interrupted stage continues from its last checkpoint when it is started again. Training never uses
the boxes: only the validation scores read them.
"""

import argparse
import glob
import json
import math
import os
import re
import time

import numpy as np
import torch
import torch.nn.functional as F

from networks import Autoencoder, TextEncoder, Unet

HERE = os.path.dirname(os.path.abspath(__file__))
SIZE = 128
TOKENS = 77
SEED = 20261130
# Seconds between two checkpoints.
PAUSE = 600
# Phantoms from this number on are used only for validation.
VALIDATION = 1_000_000
# Share of empty captions, from which the model learns the empty phrase.
EMPTY = 0.07
# Share of the other captions that name one finding; the rest name all findings, shuffled.
SINGLE = 0.95
# Share of images that a batch holds twice: with one noise, and with captions of two findings.
PAIRED = 0.25
# Timesteps at which a phrase changes a prediction where its finding is.
TELLING = (250, 700)


def load_set(folder: str, validation: bool, kind: str = "images"):
    """Returns images [count, 128, 128] as bytes, and the findings of each image.

    The kind "healthy" gives the same chests without findings.
    """
    images, findings = [], []
    for name in sorted(glob.glob(f"{folder}/*.jsonl"), key=lambda n: int(re.findall(r"\d+", n)[-1])):
        first = int(os.path.basename(name)[: -len(".jsonl")])
        if (first >= VALIDATION) != validation:
            continue
        with open(name) as lines:
            part = [json.loads(line) for line in lines]
        pixels = np.fromfile(name[: -len("jsonl")] + kind, np.uint8).reshape(-1, SIZE, SIZE)
        if len(part) != len(pixels):
            raise SystemExit(f"Cannot read {name}: {len(part)} lines for {len(pixels)} images")
        images.append(pixels)
        findings += part
    if not images:
        raise SystemExit(f"Cannot train: there is no set in {folder}")
    return np.concatenate(images), findings


def as_images(pixels) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(pixels)).float().unsqueeze(1) / 255


def read_config(args) -> dict:
    with open(args.config) as file:
        return json.load(file)


def save(path: str, state) -> None:
    """Writes to a second file and renames it: an interruption leaves the old checkpoint whole."""
    torch.save(state, path + ".part")
    os.replace(path + ".part", path)


class Log:
    """Writes one JSON object per line, to a file and to stdout."""

    def __init__(self, path: str):
        self.path = path

    def __call__(self, **row) -> None:
        row = {k: round(v, 5) if isinstance(v, float) else v for k, v in row.items()}
        with open(self.path, "a") as file:
            file.write(json.dumps(row) + "\n")
        print(json.dumps(row), flush=True)


def cosine(step: int, steps: int, warmup: int) -> float:
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warmup) / max(1, steps - warmup))))


# --- autoencoder -------------------------------------------------------------------------------


def train_autoencoder(args) -> None:
    config = read_config(args)["autoencoder"]
    images, _ = load_set(args.data, validation=False)
    held_out, _ = load_set(args.data, validation=True)
    held_out = as_images(held_out[:200]).to(args.device)
    torch.manual_seed(SEED)
    model = Autoencoder(config).to(args.device, memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), 2e-3, betas=(0.9, 0.99), weight_decay=0.01)
    path, step = f"{args.run}/autoencoder.pt", 0
    if os.path.exists(path):
        state = torch.load(path, map_location=args.device)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        step = state["step"]
    log, began, last = Log(f"{args.run}/autoencoder.jsonl"), time.time(), []
    while step < args.steps:
        rng = np.random.default_rng([SEED, step])
        torch.manual_seed(SEED + step)
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * cosine(step, args.steps, 100)
        # Train on quarters of images, which are cheaper, and on whole images in the last tenth.
        side = SIZE // 2 if step < 0.9 * args.steps else SIZE
        top, left = rng.integers(0, SIZE - side + 1, 2)
        count = args.batch * SIZE // side // 2
        chosen = images[rng.integers(0, len(images), count)]
        x = as_images(chosen[:, top : top + side, left : left + side])
        x = x.to(args.device, memory_format=torch.channels_last)
        with torch.autocast(args.device, torch.bfloat16, enabled=args.bf16):
            mean, log_variance = model.encode(x)
            mean, log_variance = mean.float(), log_variance.float()
            z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
            y = model.decode(z).float()
        kl = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).mean()
        # The loss of neighbour differences preserves edges and bands that L1 alone would blur.
        edges = sum((x.diff(dim=axis) - y.diff(dim=axis)).abs().mean() for axis in (2, 3))
        l1 = (x - y).abs().mean()
        loss = l1 + edges + 1e-4 * kl
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        last.append(l1.item())
        step += 1
        if step % 100 == 0 or step == args.steps:
            with torch.no_grad():
                mean = model.encode(held_out)[0]
                error = (model.decode(mean) - held_out).abs().mean().item()
            log(step=step, l1=float(np.mean(last)), kl=kl.item(), held_out_l1=error,
                latent_std=mean.std().item(), seconds=time.time() - began)
            last = []
            save(path, {"model": model.state_dict(), "optimizer": optimizer.state_dict(),
                        "step": step})


@torch.no_grad()
def encode_set(args, validation: bool) -> tuple[torch.Tensor, torch.Tensor, list]:
    """Returns the latent means of a set and of its healthy chests, and the set's findings.

    The means are cached in RUN, in half precision.
    """
    images, findings = load_set(args.data, validation)
    path = f"{args.run}/latents-{'validation' if validation else 'training'}.pt"
    if os.path.exists(path):
        latents, healthy = torch.load(path)
        if len(latents) == len(images):
            return latents.float(), healthy.float(), findings
    model = Autoencoder(read_config(args)["autoencoder"]).to(args.device)
    model.load_state_dict(autoencoder_weights(args))

    def encode(pixels: np.ndarray) -> torch.Tensor:
        parts = (as_images(pixels[i : i + 100]) for i in range(0, len(pixels), 100))
        return torch.cat([model.encode(part.to(args.device))[0].half().cpu() for part in parts])

    latents = encode(images)
    healthy = encode(load_set(args.data, validation, "healthy")[0])
    save(path, (latents, healthy))
    return latents.float(), healthy.float(), findings


def autoencoder_weights(args) -> dict:
    """Returns the weights of RUN's own training, or of the bundle of --init."""
    if args.init:
        return read_tensors(f"{args.init}/autoencoder.safetensors")
    return torch.load(f"{args.run}/autoencoder.pt")["model"]


def read_tensors(path: str) -> dict:
    from safetensors.torch import load_file

    return {name: tensor.float() for name, tensor in load_file(path).items()}


# --- diffusion ---------------------------------------------------------------------------------


class Tokenizer:
    """A tokenizer for the phantoms' phrases, in which each word is one token."""

    def __init__(self, model: str):
        self.vocabulary = json.load(open(f"{model}/tokenizer/vocab.json"))
        self.start = self.vocabulary["<|startoftext|>"]
        self.end = self.vocabulary["<|endoftext|>"]

    def __call__(self, phrase: str) -> list[int]:
        """Returns the ids with start and end token, without padding."""
        words = re.findall(r"[a-z]+|[0-9]|[^\sa-z0-9]+", phrase.lower())
        return [self.start, *(self.vocabulary[f"{word}</w>"] for word in words), self.end]


def padded(ids: list[list[int]]) -> torch.Tensor:
    return torch.tensor([row + [0] * (TOKENS - len(row)) for row in ids])


def say(finding: dict, rng) -> str:
    return finding["wordings"][rng.integers(len(finding["wordings"]))]


def captions(findings: list, count: int, rng) -> list[str]:
    """Returns captions of one image; two captions of one finding each name different findings."""
    if not findings:
        return [""] * count
    order = rng.permutation(len(findings))
    said = []
    for index in range(count):
        if rng.random() < EMPTY:
            said.append("")
        elif rng.random() < SINGLE:
            said.append(say(findings[order[index % len(order)]], rng))
        else:
            said.append(". ".join(say(findings[i], rng) for i in rng.permutation(len(findings))))
    return said


def alphas() -> torch.Tensor:
    """Returns the cumulative products of the scaled-linear schedule (docs/method.md, section 1)."""
    betas = torch.linspace(0.0015**0.5, 0.0205**0.5, 1000) ** 2
    return torch.cumprod(1 - betas, 0)


class Model(torch.nn.Module):
    """The U-Net and the text encoder, trained together."""

    def __init__(self, config: dict, text_config: dict):
        super().__init__()
        self.unet = Unet(config)
        self.text = TextEncoder(text_config)

    def forward(self, z, t, ids):
        return self.unet(z, t, self.text(ids))


def text_config(args) -> dict:
    config = read_config(args)
    vocabulary = json.load(open(f"{args.model}/tokenizer/vocab.json"))
    return {
        "model_type": "clip_text_model",
        "vocab_size": len(vocabulary),
        "hidden_size": config["diffusion_model"]["cross_attention_dim"],
        "num_attention_heads": 1,
        "num_hidden_layers": 0,
        "intermediate_size": 64,
        "hidden_act": "gelu",
        "max_position_embeddings": TOKENS,
        "layer_norm_eps": 1e-5,
    }


def box_mask(boxes) -> np.ndarray:
    mask = np.zeros((SIZE, SIZE), bool)
    for x, y, w, h in boxes:
        mask[max(0, y) : max(0, y + h), max(0, x) : max(0, x + w)] = True
    return mask


def area_under_roc(score: np.ndarray, mask: np.ndarray) -> float:
    ranks = np.empty(score.size)
    ranks[np.argsort(score, axis=None)] = np.arange(1, score.size + 1)
    inside = ranks[mask.ravel()]
    n = len(inside)
    return (inside.sum() - n * (n + 1) / 2) / (n * (score.size - n))


def mean_iou(score: np.ndarray, mask: np.ndarray) -> float:
    """Returns the mean over five thresholds of docs/method.md, section 3, without Otsu's."""
    ious = [((score > t) & mask).sum() / ((score > t) | mask).sum() for t in (0.1, 0.2, 0.3, 0.4, 0.5)]
    return float(np.mean(ious))


def to_unit(maps: torch.Tensor) -> torch.Tensor:
    """Scales each map [count, positions] to 0..1."""
    low, high = maps.amin(1, True), maps.amax(1, True)
    return (maps - low) / (high - low + 1e-12)


def enlarged(maps: torch.Tensor) -> torch.Tensor:
    """Enlarges square maps [count, positions] to [count, SIZE * SIZE]."""
    side = math.isqrt(maps.shape[1])
    return F.interpolate(maps.reshape(-1, 1, side, side), (SIZE, SIZE), mode="bilinear").flatten(1)


@torch.no_grad()
def read_maps(model, latents, phrases: list[str], tokenizer) -> dict[str, np.ndarray]:
    """Returns the maps [count, SIZE, SIZE] of each layer and of groups of layers.

    The noise is Gaussian. "last two" are the layers beside the output, "end" is the end token there.
    """
    layers = model.unet.cross_attentions()
    names = [*map(str, range(len(layers))), "last two", "all", "end"]
    maps: dict[str, list] = {name: [] for name in names}
    a = alphas()
    generator = torch.Generator().manual_seed(SEED)
    device = next(model.parameters()).device
    for layer in layers:
        layer.keep = True
    for at in range(0, len(phrases), 50):
        z = latents[at : at + 50]
        rows = [tokenizer(phrase) for phrase in phrases[at : at + 50]]
        sums = dict.fromkeys(names, 0.0)
        for t in (350, 500):
            noisy = a[t].sqrt() * z + (1 - a[t]).sqrt() * torch.randn(z.shape, generator=generator)
            model(noisy.to(device), torch.full((len(z),), t, device=device), padded(rows).to(device))
            for index, layer in enumerate(layers):
                m = torch.stack([w[1 : len(r) - 1].mean(0) for w, r in zip(layer.map.transpose(1, 2), rows)])
                sums[str(index)] += enlarged(to_unit(m.float().cpu()))
            end = torch.stack([w[:, len(r) - 1] for w, r in zip(layers[-2].map, rows)])
            sums["end"] += enlarged(end.float().cpu())
        sums["all"] = sum(sums[str(index)] for index in range(len(layers)))
        sums["last two"] = sum(sums[str(index)] for index in range(len(layers))[-2:])
        for name, m in sums.items():
            maps[name].append(to_unit(m).reshape(-1, SIZE, SIZE))
    for layer in layers:
        layer.keep, layer.map = False, None
    return {name: torch.cat(parts).numpy() for name, parts in maps.items()}


def validate(model, latents, findings, tokenizer, count: int) -> dict:
    """Returns the scores of layers and of groups of layers.

    - "auc": AUC-ROC, by class and as the mean of classes.
    - "own": of pairs of findings in different places of one image, the share with a higher mean in
      the phrase's own boxes than in the other's.
    - "swapped": share of mIoU that is lost when each phrase is taken from another image.
    """
    samples = [(i, f) for i, fs in enumerate(findings) for f in fs if box_mask(f["boxes"]).any()]
    samples = samples[:count]
    z = latents[[i for i, _ in samples]]
    phrases = [f["wordings"][7 * n % len(f["wordings"])] for n, (_, f) in enumerate(samples)]
    strange = read_maps(model, z, phrases[3:] + phrases[:3], tokenizer)
    scores = {}
    for name, maps in read_maps(model, z, phrases, tokenizer).items():
        auc: dict[str, list[float]] = {}
        own, right, wrong = [], [], []
        for m, other_map, (i, finding) in zip(maps, strange[name], samples):
            mask = box_mask(finding["boxes"])
            auc.setdefault(finding["category"], []).append(area_under_roc(m, mask))
            right.append(mean_iou(m, mask))
            wrong.append(mean_iou(other_map, mask))
            others = [box_mask(f["boxes"]) for f in findings[i] if f is not finding]
            own += [m[mask].mean() > m[o].mean() for o in others if o.any() and not (o & mask).any()]
        by_class = {category: float(np.mean(values)) for category, values in auc.items()}
        scores[name] = {"auc": float(np.mean(list(by_class.values()))), "by_class": by_class,
                        "own": float(np.mean(own)), "swapped": 1 - sum(wrong) / sum(right)}
    return scores


def effects(model, noisy, t, ids, predicted) -> torch.Tensor:
    """Returns where a phrase changes the prediction, from 0 to 1, as [count, 1, side, side].

    It is the mean difference from the prediction for the empty phrase (DiffEdit, Couairon et al.,
    2022), slightly smoothed.
    """
    with torch.no_grad():
        change = (predicted.detach() - model(noisy, t, ids)).abs().mean(1, keepdim=True)
        row = torch.tensor([1.0, 2.0, 1.0], device=change.device) / 4
        kernel = (row[:, None] * row)[None, None]
        smooth = F.conv2d(F.pad(change, (1, 1, 1, 1), mode="replicate"), kernel)
        return to_unit(smooth.flatten(1)).reshape(smooth.shape)


def attention_loss(maps: list[torch.Tensor], lengths: torch.Tensor, targets: torch.Tensor):
    """Returns the cross-entropy between the phrase's share of attention and the targets."""
    places = torch.arange(TOKENS, device=lengths.device)
    words = ((places >= 1) & (places < lengths[:, None] - 1)).float()
    total = 0.0
    for weights in maps:
        share = (weights.float() * words[:, None]).sum(-1).clamp(1e-5, 1 - 1e-5)
        target = F.adaptive_avg_pool2d(targets, math.isqrt(share.shape[1])).flatten(1)
        total = total + F.binary_cross_entropy(share, target)
    return total / len(maps)


def train_diffusion(args) -> None:
    config = read_config(args)["diffusion_model"]
    device = args.device
    latents, healthy, findings = encode_set(args, validation=False)
    held_out, _, held_out_findings = encode_set(args, validation=True)
    # A model that goes on keeps its scale.
    scale = read_bundle_scale(args.init) if args.init else 1 / latents.std().item()
    latents, healthy, held_out = latents * scale, healthy * scale, held_out * scale
    # Each image's changed positions weigh 1 on average, so that small findings count like large ones.
    changed = (latents - healthy).abs().mean(1, keepdim=True)
    changed /= changed.mean((1, 2, 3), keepdim=True).clamp_min(1e-4)
    tokenizer = Tokenizer(args.model)
    torch.manual_seed(SEED)
    model = Model(config, text_config(args)).to(device)
    if args.init:
        model.unet.load_state_dict(read_tensors(f"{args.init}/diffusion_model.safetensors"))
        model.text.load_state_dict(read_tensors(f"{args.init}/text_encoder/model.safetensors"))
    ema = Model(config, text_config(args)).to(device).eval()
    ema.load_state_dict(model.state_dict())
    optimizer = torch.optim.AdamW(model.parameters(), args.rate, betas=(0.9, 0.99),
                                  weight_decay=0.01, foreach=True)
    path, step = f"{args.run}/diffusion.pt", 0
    if os.path.exists(path):
        state = torch.load(path, map_location=device)
        model.load_state_dict(state["model"])
        ema.load_state_dict(state["ema"])
        optimizer.load_state_dict(state["optimizer"])
        step = state["step"]
    a = alphas()
    log, scores_log = Log(f"{args.run}/diffusion.jsonl"), Log(f"{args.run}/validation.jsonl")
    began, saved, last = time.time(), time.time(), []
    ours, theirs = list(ema.parameters()), list(model.parameters())
    # The layers of the way up at the latent's own resolution: their maps are read later.
    taught = model.unet.cross_attentions()[-args.taught :]
    pairs = int(PAIRED * args.batch)
    while step < args.steps:
        rng = np.random.default_rng([SEED, step])
        generator = torch.Generator().manual_seed(SEED + step)
        for group in optimizer.param_groups:
            group["lr"] = args.rate * cosine(step, args.steps, 50 if args.init else 200)
        # The first images of a batch come twice, with one noise and with two captions.
        chosen = rng.integers(0, len(latents), args.batch - pairs)
        spoken = [captions(findings[i], 1 + (n < pairs), rng) for n, i in enumerate(chosen)]
        twice = np.concatenate([np.arange(len(chosen)), np.arange(pairs)])
        said = [c[0] for c in spoken] + [c[1] for c in spoken[:pairs]]
        rows = [tokenizer(text) for text in said]
        # Draw most timesteps from the middle, where attention is read later.
        middle = rng.random(len(chosen)) < 0.85
        t = torch.from_numpy(np.where(middle, rng.integers(200, 800, len(chosen)),
                                      rng.integers(0, 1000, len(chosen)))[twice])
        z = latents[chosen]
        noise = torch.randn(z.shape, generator=generator)[twice].to(device)
        z, weight = z[twice].to(device), changed[chosen][twice].to(device)
        signal = a[t].sqrt()[:, None, None, None].to(device)
        spread = (1 - a[t]).sqrt()[:, None, None, None].to(device)
        noisy, ids = signal * z + spread * noise, padded(rows).to(device)
        with torch.autocast(device, torch.bfloat16, enabled=args.bf16):
            for layer in taught:
                layer.keep = args.teach > 0
            v = model(noisy, t.to(device), ids).float()
            maps = [layer.map for layer in taught]
            for layer in taught:
                layer.keep, layer.map = False, None
            error = (v - (signal * noise - spread * z)).square()
            plain, there = error.mean(), (error * weight).mean()
            loss = plain + args.weight * there
            telling = [n for n, text in enumerate(said)
                       if args.teach > 0 and text and TELLING[0] <= t[n] < TELLING[1]]
            heard = torch.zeros(())
            if telling:
                empty = padded([tokenizer("")] * len(telling)).to(device)
                targets = effects(model, noisy[telling], t[telling].to(device), empty, v[telling])
        if telling:
            lengths = torch.tensor([len(rows[n]) for n in telling], device=device)
            heard = attention_loss([m[telling] for m in maps], lengths, targets.float())
            loss = loss + args.teach * heard
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(theirs, 1.0)
        optimizer.step()
        decay = min(args.ema, (1 + step) / (10 + step))
        with torch.no_grad():
            torch._foreach_mul_(ours, decay)
            torch._foreach_add_(ours, theirs, alpha=1 - decay)
        last.append((plain.item(), there.item(), heard.item()))
        step += 1
        if step % 25 == 0:
            plain, there, heard = np.mean(last, 0)
            log(step=step, loss=float(plain), there=float(there), heard=float(heard),
                seconds=time.time() - began)
            last = []
        is_due = step % args.every == 0 or step == args.steps
        if is_due or time.time() - saved > PAUSE:
            save(path, {"model": model.state_dict(), "ema": ema.state_dict(), "scale": scale,
                        "optimizer": optimizer.state_dict(), "step": step})
            saved = time.time()
        if is_due:
            scores = validate(ema, held_out, held_out_findings, tokenizer, 200)
            scores_log(step=step, by_class={c: round(v, 4) for c, v in scores["last two"]["by_class"].items()},
                       **{key: {name: round(s[key], 4) for name, s in scores.items()}
                          for key in ("auc", "own", "swapped")})


def read_bundle_scale(folder: str) -> float:
    with open(f"{folder}/config.json") as file:
        return json.load(file)["scale_factor"]


# --- export ------------------------------------------------------------------------------------


def export(args) -> None:
    """Writes the bundle: float16 safetensors under the published names, and the configuration."""
    from safetensors.torch import save_file

    state = torch.load(f"{args.run}/diffusion.pt", map_location="cpu")
    config = read_config(args)

    def write(name: str, tensors: dict) -> None:
        os.makedirs(os.path.dirname(f"{args.model}/{name}"), exist_ok=True)
        halves = {key: value.half().contiguous() for key, value in tensors.items()}
        path = f"{args.model}/{name}"
        save_file(halves, path)
        os.chmod(path, 0o644)

    def part(prefix: str) -> dict:
        return {k[len(prefix):]: v for k, v in state["ema"].items() if k.startswith(prefix)}

    write("diffusion_model.safetensors", part("unet."))
    write("text_encoder/model.safetensors", part("text."))
    write("autoencoder.safetensors", autoencoder_weights(args))
    with open(f"{args.model}/text_encoder/config.json", "w") as file:
        file.write(json.dumps(text_config(args), indent=2) + "\n")
    # Keep the bundle's own values of the settings that were tuned on the validation set.
    old = {}
    if os.path.exists(f"{args.model}/config.json"):
        old = json.load(open(f"{args.model}/config.json"))
    tuned = {key: old[key] for key in ("notice", "steps", "layers", "select") if key in old}
    config = {**tuned, "image_size": config["image_size"],
              "scale_factor": round(state["scale"], 6), **config}
    with open(f"{args.model}/config.json", "w") as file:
        file.write(json.dumps(config, indent=2) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("stage", choices=["autoencoder", "diffusion", "export"])
    parser.add_argument("--data", required=True)
    parser.add_argument("--run", required=True)
    parser.add_argument("--model")
    parser.add_argument("--init", help="bundle whose weights training goes on from")
    parser.add_argument("--config", default=f"{HERE}/config.json", help="sizes of the networks")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--weight", type=float, default=1.0,
                        help="weight of the loss where findings change the image")
    parser.add_argument("--teach", type=float, default=0.0,
                        help="weight of the loss that teaches attention where a phrase has effect")
    parser.add_argument("--taught", type=int, default=3, help="layers beside the output to teach")
    parser.add_argument("--ema", type=float, default=0.999)
    parser.add_argument("--every", type=int, default=500, help="steps between two validations")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--bf16", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    os.makedirs(args.run, exist_ok=True)
    if args.stage != "autoencoder" and not args.model:
        raise SystemExit("Cannot go on without --model")
    {"autoencoder": train_autoencoder, "diffusion": train_diffusion, "export": export}[args.stage](
        args
    )


if __name__ == "__main__":
    main()
