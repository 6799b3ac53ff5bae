"""BioViL and BioViL-T in PyTorch, the peer of `deno task bench:biovil`.

    pip install torch torchvision scipy scikit-image safetensors pydicom SimpleITK timm "transformers<4.50"
    pip install --no-deps hi-ml-multimodal

Each line on stdin is a phrase. The program grounds the phrase in the image as hi-ml-multimodal does,
starting from the decoded pixels. The answer is a line of JSON: seconds, and the heatmap on the patch
grid.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from health_multimodal.image.data.io import remap_to_uint8
from health_multimodal.image.data.transforms import create_chest_xray_transform_for_inference
from health_multimodal.image.model.model import ImageModel
from health_multimodal.text import CXRBertConfig, CXRBertModel, CXRBertTokenizer, TextInferenceEngine
from health_multimodal.vlp import ImageTextInferenceEngine
from PIL import Image
from safetensors.torch import load_file


def main(folder, variant, pixels, width, height, threads):
    torch.set_num_threads(threads)
    kind = "resnet50" if variant == "biovil" else "resnet50_multi_image"
    model = ImageModel(img_encoder_type=kind, joint_feature_size=128)
    tensors = load_file(next(folder.glob("*.pt")))
    counters = [name for name in tensors if name.endswith("num_batches_tracked")]
    model.load_state_dict({k: v for k, v in tensors.items() if k not in counters}, strict=False)
    model.eval()
    bert = CXRBertModel(CXRBertConfig(**json.loads((folder / "config.json").read_text())))
    bert.load_state_dict(load_file(folder / "model.safetensors"), strict=False)
    tokenizer = CXRBertTokenizer(vocab_file=str(folder / "vocab.txt"))
    texts = TextInferenceEngine(tokenizer=tokenizer, text_model=bert.eval())
    crop = 480 if variant == "biovil" else 448
    transform = create_chest_xray_transform_for_inference(resize=512, center_crop_size=crop)
    image = np.fromfile(pixels, np.uint8).reshape(height, width)
    print(json.dumps({"version": torch.__version__}), flush=True)
    for line in sys.stdin:
        began = time.perf_counter()
        seen = transform(Image.fromarray(remap_to_uint8(image)).convert("L"))[None]
        patches = model.get_patchwise_projected_embeddings(seen, normalize=True)[0]
        text = texts.get_embeddings_from_prompt(line.rstrip("\n"), verbose=False)
        heatmap = ImageTextInferenceEngine._get_similarity_map_from_embeddings(patches, text)
        seconds = time.perf_counter() - began
        print(json.dumps({"seconds": seconds, "heatmap": heatmap.flatten().tolist()}), flush=True)


with torch.no_grad():
    main(Path(sys.argv[1]), sys.argv[2], *sys.argv[3:4], *map(int, sys.argv[4:]))
