"""OmniFM-DR in PyTorch, the peer of `deno task bench:omnifm`.

    pip install torch numpy pillow safetensors packaging
    git clone https://github.com/MedHK23/OmniFM-DR

The modules are those of the clone. Their packages import the whole of fairseq, which does not install
any more; here each module is imported alone, and small classes stand for fairseq's base classes and
registries.

Each line on stdin is a JSON list of the instruction's token ids. The answer is a line of JSON: seconds
for image, encoder and search, the hypotheses, and the peak memory in bytes.
"""

import json
import resource
import sys
import time
import types
from argparse import Namespace
from importlib import import_module
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors import safe_open
from torch import nn


def package(name, path=None, **members):
    module = types.ModuleType(name)
    module.__path__ = [str(path)] if path else []
    module.__dict__.update(members)
    sys.modules[name] = module


def passed_on(*_, **__):
    return lambda cls: cls


def load_modules(clone):
    fairseq = clone / "fairseq" / "fairseq"
    package("fairseq", fairseq)
    package("fairseq.modules", fairseq / "modules")
    package("fairseq.distributed", fsdp_wrap=lambda module, **_: module)
    unused = types.SimpleNamespace(MultiheadAttention=None)
    sys.modules["fairseq.modules.multihead_attention"] = unused
    modules = sys.modules["fairseq.modules"]
    for file, name in [
        ("layer_norm", "LayerNorm"),
        ("fairseq_dropout", "FairseqDropout"),
        ("layer_drop", "LayerDropModuleList"),
        ("gelu", "gelu"),
        ("gelu", "gelu_accurate"),
    ]:
        setattr(modules, name, getattr(import_module(f"fairseq.modules.{file}"), name))
    for name in ["AdaptiveSoftmax", "BaseLayer", "SinusoidalPositionalEmbedding", "GradMultiply"]:
        setattr(modules, name, type(name, (nn.Module,), {}))

    class Encoder(nn.Module):
        def __init__(self, dictionary):
            super().__init__()

        def forward_torchscript(self, inputs):
            return self(**inputs)

    class Decoder(nn.Module):
        def __init__(self, dictionary):
            super().__init__()
            self.onnx_trace = False

        def reorder_incremental_state_scripting(self, state, order):
            for module in self.modules():
                if module is not self and hasattr(module, "reorder_incremental_state"):
                    module.reorder_incremental_state(state, order)

    package(
        "fairseq.models",
        FairseqEncoder=Encoder,
        FairseqDecoder=Decoder,
        FairseqIncrementalDecoder=Decoder,
        FairseqEncoderDecoderModel=nn.Module,
        register_model=passed_on,
        register_model_architecture=passed_on,
    )
    package("fairseq.modules.transformer_sentence_encoder", init_bert_params=None)
    package("data", data_utils=None)
    package("models", clone / "models")
    package("models.ofa", clone / "models" / "ofa")


class Dictionary:
    """The ids that fairseq fixes, and the number of symbols."""

    def __init__(self, size):
        self.size = size

    def __len__(self):
        return self.size

    def bos(self):
        return 0

    def pad(self):
        return 1

    def eos(self):
        return 2

    def unk(self):
        return 3


class Model(nn.Module):
    def __init__(self, vocabulary):
        super().__init__()
        ofa = import_module("models.ofa.ofa")
        transformer = import_module("models.ofa.unify_transformer")
        args = Namespace(
            **dict.fromkeys(["scale_attn", "scale_fc", "scale_heads", "disable_entangle"], True),
            **dict.fromkeys(["encoder_prompt", "decoder_prompt", "adapter", "cls_token"], False),
            **dict.fromkeys(["encoder_layerdrop", "decoder_layerdrop", "quant_noise_pq"], 0),
            **dict.fromkeys(["adaptive_input", "no_cross_attention", "tie_adaptive_weights"], False),
            quant_noise_pq_block_size=8,
            quant_noise_scalar=0,
            patch_image_size=512,
        )
        ofa.ofa_huge_architecture(args)
        words = nn.Embedding(vocabulary, args.encoder_embed_dim, 1)
        dictionary = Dictionary(vocabulary)
        self.encoder = transformer.TransformerEncoder(args, dictionary, words)
        self.decoder = transformer.TransformerDecoder(args, dictionary, words)

    def get_normalized_probs(self, output, log_probs, sample):
        return torch.log_softmax(output[0].float(), dim=-1)

    def max_decoder_positions(self):
        return self.decoder.max_target_positions


def main(clone, weights, pixels, width, height, threads):
    torch.set_num_threads(threads)
    load_modules(clone)
    with safe_open(weights, "pt") as file:
        vocabulary = file.get_slice("encoder.embed_tokens.weight").get_shape()[0]
        # Initial values would take longer than the benchmark; every wanted value comes from the file.
        for name in ["kaiming_uniform_", "kaiming_normal_", "xavier_uniform_", "normal_", "uniform_"]:
            setattr(nn.init, name, lambda tensor, *_, **__: tensor)
        model = Model(vocabulary)
        state = model.state_dict()
        for name in file.keys():
            state[name].copy_(file.get_tensor(name))
    model.eval()
    generator = import_module("models.sequence_generator").SequenceGenerator(
        [model], Dictionary(vocabulary), beam_size=5, min_len=4, max_len_b=4
    )
    image = Image.fromarray(np.fromfile(pixels, np.uint8).reshape(height, width))
    print(json.dumps({"version": torch.__version__}), flush=True)
    for line in sys.stdin:
        tokens = torch.tensor([json.loads(line)])
        began = time.perf_counter()
        square = image.convert("RGB").resize((512, 512), Image.BICUBIC)
        values = torch.from_numpy(np.array(square)).permute(2, 0, 1).float().div(255)
        inputs = {
            "src_tokens": tokens,
            "src_lengths": torch.tensor([tokens.size(1)]),
            "patch_images": ((values - 0.5) / 0.5)[None],
            "patch_masks": torch.tensor([True]),
        }
        found = generator.generate([model], {"id": np.array(["0"]), "net_input": inputs})[0]
        seconds = time.perf_counter() - began
        answer = {
            "seconds": seconds,
            "tokens": [hypothesis["tokens"].tolist() for hypothesis in found],
            "scores": [hypothesis["score"].item() for hypothesis in found],
            "bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        }
        print(json.dumps(answer), flush=True)


with torch.no_grad():
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], *map(int, sys.argv[4:]))
