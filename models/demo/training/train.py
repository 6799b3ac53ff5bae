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
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn.functional as F

from networks import Autoencoder, TextEncoder, Unet

HERE = os.path.dirname(os.path.abspath(__file__))
SIZE = 128
TOKENS = 77
SEED = 20261124
# Phantoms from this number on are used only for validation.
VALIDATION = 1_000_000
# Share of empty captions, from which the model learns the empty phrase.
EMPTY = 0.1
# Share of the other captions that name one finding; the rest name all findings, shuffled.
SINGLE = 0.8


def load_set(folder: str, validation: bool):
    """Returns images [count, 128, 128] as bytes, and the findings of each image."""
    images, findings = [], []
    for name in sorted(glob.glob(f"{folder}/*.jsonl"), key=lambda n: int(re.findall(r"\d+", n)[-1])):
        first = int(os.path.basename(name)[: -len(".jsonl")])
        if (first >= VALIDATION) != validation:
            continue
        with open(name) as lines:
            part = [json.loads(line) for line in lines]
        pixels = np.fromfile(name[: -len("jsonl")] + "images", np.uint8).reshape(-1, SIZE, SIZE)
        if len(part) != len(pixels):
            raise SystemExit(f"Cannot read {name}: {len(part)} lines for {len(pixels)} images")
        images.append(pixels)
        findings += part
    if not images:
        raise SystemExit(f"Cannot train: there is no set in {folder}")
    return np.concatenate(images), findings


def as_images(pixels) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(pixels)).float().unsqueeze(1) / 255


def save(path: str, state: dict) -> None:
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
    config = json.load(open(f"{HERE}/config.json"))["autoencoder"]
    images, _ = load_set(args.data, validation=False)
    held_out, _ = load_set(args.data, validation=True)
    held_out = as_images(held_out[:200])
    torch.manual_seed(SEED)
    model = Autoencoder(config).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), 2e-3, betas=(0.9, 0.99), weight_decay=0.01)
    path, step = f"{args.run}/autoencoder.pt", 0
    if os.path.exists(path):
        state = torch.load(path)
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
        x = x.to(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=args.bf16):
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
def encode_set(args, validation: bool) -> tuple[torch.Tensor, list]:
    """Returns the latent means of a set, cached beside the checkpoint, and its findings."""
    images, findings = load_set(args.data, validation)
    path = f"{args.run}/latents-{'validation' if validation else 'training'}.pt"
    if os.path.exists(path):
        latents = torch.load(path)
        if len(latents) == len(images):
            return latents, findings
    model = Autoencoder(json.load(open(f"{HERE}/config.json"))["autoencoder"])
    model.load_state_dict(torch.load(f"{args.run}/autoencoder.pt")["model"])
    parts = [model.encode(as_images(images[i : i + 100]))[0] for i in range(0, len(images), 100)]
    latents = torch.cat(parts)
    save(path, latents)
    return latents, findings


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


def caption(findings: list, rng) -> str:
    if rng.random() < EMPTY or not findings:
        return ""
    chosen = list(findings)
    rng.shuffle(chosen)
    if rng.random() < SINGLE:
        chosen = chosen[:1]
    return ". ".join(f["wordings"][rng.integers(len(f["wordings"]))] for f in chosen)


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


def text_config(model: str) -> dict:
    config = json.load(open(f"{HERE}/config.json"))
    vocabulary = json.load(open(f"{model}/tokenizer/vocab.json"))
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


def enlarged(maps: torch.Tensor) -> np.ndarray:
    """Enlarges square maps [count, positions] to [count, SIZE, SIZE]."""
    side = math.isqrt(maps.shape[1])
    up = F.interpolate(maps.reshape(-1, 1, side, side), (SIZE, SIZE), mode="bilinear")
    return up[:, 0].numpy()


@torch.no_grad()
def validate(model, latents, findings, tokenizer, count: int) -> dict:
    """Returns the AUC-ROC of layers and groups of layers, by class, with Gaussian noise.

    "listens" compares a map's mean in its own boxes with its mean in the boxes of another finding
    of the image, where the boxes do not overlap. It is the share of pairs with a higher own mean.
    """
    samples = [(i, f) for i, fs in enumerate(findings) for f in fs]
    samples = samples[:: max(1, len(samples) // count)][:count]
    layers = model.unet.cross_attentions()
    a = alphas()
    generator = torch.Generator().manual_seed(SEED)
    scores: dict[str, dict[str, list[float]]] = {}
    listens: dict[str, list[bool]] = {}
    for layer in layers:
        layer.keep = True
    for at in range(0, len(samples), 50):
        part = samples[at : at + 50]
        z = torch.stack([latents[i] for i, _ in part])
        rows = [tokenizer(f["wordings"][at % len(f["wordings"])]) for _, f in part]
        sums = [0.0] * len(layers)
        ends = 0.0
        for t in (350, 400, 450, 500, 550):
            noise = torch.randn(z.shape, generator=generator)
            noisy = a[t].sqrt() * z + (1 - a[t]).sqrt() * noise
            model(noisy, torch.full((len(part),), t), padded(rows))
            for index, layer in enumerate(layers):
                m = torch.stack([w[:, 1 : len(r) - 1].mean(1) for w, r in zip(layer.map, rows)])
                low, high = m.amin(1, True), m.amax(1, True)
                sums[index] = sums[index] + (m - low) / (high - low + 1e-12)
            ends = ends + torch.stack([w[:, len(r) - 1] for w, r in zip(layers[-2].map, rows)])
        maps = {str(index): enlarged(m) for index, m in enumerate(sums)} | {"end": enlarged(ends)}
        for name, chosen in {"8-10": (8, 9, 10), "8,10": (8, 10), "3467": (3, 4, 6, 7), "all": range(11)}.items():
            maps[name] = sum(maps[str(index)] for index in chosen)
        for row, (i, finding) in enumerate(part):
            mask = box_mask(finding["boxes"])
            if not mask.any():
                continue
            others = [box_mask(f["boxes"]) for f in findings[i] if f is not finding]
            apart = [other for other in others if other.any() and not (other & mask).any()]
            for name, m in maps.items():
                value = area_under_roc(m[row], mask)
                scores.setdefault(name, {}).setdefault(finding["category"], []).append(value)
                own = m[row][mask].mean()
                listens.setdefault(name, []).extend(own > m[row][other].mean() for other in apart)
    for layer in layers:
        layer.keep, layer.map = False, None
    means = {n: {c: float(np.mean(v)) for c, v in by.items()} for n, by in scores.items()}
    return {n: {**by, "mean": float(np.mean(list(by.values()))),
                "listens": float(np.mean(listens[n]))} for n, by in means.items()}


def train_diffusion(args) -> None:
    """Starts one process per core, which on small tensors is faster than threads."""
    # Encode both sets once, before the processes start.
    encode_set(args, validation=False)
    encode_set(args, validation=True)
    mp.spawn(diffusion_process, (args,), nprocs=args.processes)


def average_gradients(parameters, processes: int) -> None:
    """Replaces each gradient by its mean over all processes."""
    if processes == 1:
        return
    gradients = [p.grad for p in parameters]
    flat = torch.cat([g.view(-1) for g in gradients])
    dist.all_reduce(flat)
    flat /= processes
    at = 0
    for g in gradients:
        g.copy_(flat[at : at + g.numel()].view_as(g))
        at += g.numel()


def diffusion_process(rank: int, args) -> None:
    torch.set_num_threads(max(1, args.threads // args.processes))
    if args.processes > 1:
        store = f"file://{os.path.abspath(args.run)}/rendezvous-{os.getppid()}"
        dist.init_process_group("gloo", store, rank=rank, world_size=args.processes)
    config = json.load(open(f"{HERE}/config.json"))["diffusion_model"]
    latents, findings = encode_set(args, validation=False)
    held_out, held_out_findings = encode_set(args, validation=True)
    scale = 1 / latents.std().item()
    latents, held_out = latents * scale, held_out * scale
    tokenizer = Tokenizer(args.model)
    torch.manual_seed(SEED)
    model = Model(config, text_config(args.model))
    ema = Model(config, text_config(args.model))
    ema.load_state_dict(model.state_dict())
    optimizer = torch.optim.AdamW(model.parameters(), args.rate, betas=(0.9, 0.99),
                                  weight_decay=0.01, foreach=True)
    path, step = f"{args.run}/diffusion.pt", 0
    if os.path.exists(path):
        state = torch.load(path)
        model.load_state_dict(state["model"])
        ema.load_state_dict(state["ema"])
        optimizer.load_state_dict(state["optimizer"])
        step = state["step"]
    a = alphas()
    log, scores_log = Log(f"{args.run}/diffusion.jsonl"), Log(f"{args.run}/validation.jsonl")
    began, last = time.time(), []
    ours, theirs = list(ema.parameters()), list(model.parameters())
    count = args.batch // args.processes
    while step < args.steps:
        rng = np.random.default_rng([SEED, step, rank])
        generator = torch.Generator().manual_seed(SEED + step * args.processes + rank)
        for group in optimizer.param_groups:
            group["lr"] = args.rate * cosine(step, args.steps, 200)
        chosen = rng.integers(0, len(latents), count)
        z = latents[torch.from_numpy(chosen)]
        ids = padded([tokenizer(caption(findings[i], rng)) for i in chosen])
        # Draw three quarters of the timesteps from the middle, where attention is read later.
        middle = rng.random(count) < 0.75
        t = torch.from_numpy(np.where(middle, rng.integers(200, 800, count),
                                      rng.integers(0, 1000, count)))
        noise = torch.randn(z.shape, generator=generator)
        signal = a[t].sqrt()[:, None, None, None]
        spread = (1 - a[t]).sqrt()[:, None, None, None]
        with torch.autocast("cpu", torch.bfloat16, enabled=args.bf16):
            v = model(signal * z + spread * noise, t, ids).float()
        loss = F.mse_loss(v, signal * noise - spread * z)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        average_gradients(theirs, args.processes)
        torch.nn.utils.clip_grad_norm_(theirs, 1.0)
        optimizer.step()
        decay = min(0.999, (1 + step) / (10 + step))
        with torch.no_grad():
            torch._foreach_mul_(ours, decay)
            torch._foreach_add_(ours, theirs, alpha=1 - decay)
        last.append(loss.item())
        step += 1
        if rank > 0:
            continue
        if step % 100 == 0:
            log(step=step, loss=float(np.mean(last)), seconds=time.time() - began)
            last = []
        if step % args.every == 0 or step == args.steps:
            save(path, {"model": model.state_dict(), "ema": ema.state_dict(), "scale": scale,
                        "optimizer": optimizer.state_dict(), "step": step})
            scores = validate(ema, held_out, held_out_findings, tokenizer, 400)
            scores_log(step=step, by_layer={n: round(s["mean"], 4) for n, s in scores.items()},
                       listens={n: round(s["listens"], 4) for n, s in scores.items()},
                       by_class={c: round(v, 4) for c, v in scores["8-10"].items()})


# --- export ------------------------------------------------------------------------------------


def export(args) -> None:
    """Writes the bundle: float16 safetensors under the published names, and the configuration."""
    from safetensors.torch import save_file

    state = torch.load(f"{args.run}/diffusion.pt")
    config = json.load(open(f"{HERE}/config.json"))

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
    autoencoder = torch.load(f"{args.run}/autoencoder.pt")["model"]
    write("autoencoder.safetensors", autoencoder)
    with open(f"{args.model}/text_encoder/config.json", "w") as file:
        file.write(json.dumps(text_config(args.model), indent=2) + "\n")
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
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--every", type=int, default=500)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
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
