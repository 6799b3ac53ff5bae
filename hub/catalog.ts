import { type BiovilVariant, PUBLISHED } from "../models/biovil/bundle.ts";
import type { Digest } from "./download_file.ts";

/** A file of a model. */
export interface CatalogFile {
  readonly path: string;
  /**
   * Other paths, best first, for a repository that lacks the first: nobody has seen its list of files.
   * Weights are read by their content, so that any ending serves.
   */
  readonly others?: readonly string[];
  /**
   * Path in the model's folder.
   *
   * @default {The path in the repository}
   */
  readonly to?: string;
  /** Prefix of the tensors to take from a safetensors file; the whole file if absent. */
  readonly tensors?: string;
  /** Hash that is known beforehand. */
  readonly digest?: Digest;
}

/** A repository, and the files that a model takes from it. */
export interface CatalogSource {
  /** Owner and name on the hub. */
  readonly repository: string;
  /** Branch, tag or commit. The first download records the commit, which then stays. */
  readonly revision: string;
  /** Licence that the repository states. */
  readonly license: string;
  /** Files in the order of their download; the small ones first, so that a refusal comes early. */
  readonly files: readonly CatalogFile[];
}

/** A small file that no repository holds, since only the model's code or page states its facts. */
export interface WrittenFile {
  /** Path in the model's folder. */
  readonly to: string;
  readonly json: Readonly<Record<string, unknown>>;
}

/**
 * Ways to get a model: freely, after agreeing to terms, with credentials of PhysioNet, or with a
 * file that no program can fetch.
 */
export type Access = "open" | "click" | "credentials" | "hand";

/** Each way to get a model in words. */
export const ACCESS: Readonly<Record<Access, string>> = {
  open: "open, without an account",
  click: "after agreeing to its terms on its page, with a token in HF_TOKEN",
  credentials: "for users with PhysioNet credentials, with a token in HF_TOKEN",
  hand: "open, but one file by hand from a page that wants a browser",
};

/** A model that is fetched by its name. */
export interface CatalogModel {
  /** Name in commands, and of the model's folder. */
  readonly name: string;
  readonly purpose: string;
  /** Usual value of `--method` for the model. */
  readonly method: "ldm" | "generate-to-ground" | BiovilVariant | "medrpg" | "omnifm-dr";
  /** Size on disk in bytes, from the numbers of parameters; the record has the exact size. */
  readonly bytes: number;
  /** Way to get the model. */
  readonly access: Access;
  /** Sentence on the training data. */
  readonly training: string;
  /** The same as {@linkcode parseTraining} reads it: a name alone is a part that is not known. */
  readonly trained: string;
  /** Sentence on facts that are not known. */
  readonly unknown: string;
  /** Files that a person must fetch; absent if a program fetches all. */
  readonly byHand?: {
    /** Names of the files in the model's folder. */
    readonly files: readonly string[];
    /** Sentence on the way to get the files. */
    readonly how: string;
  };
  /** Repositories with the model's files. */
  readonly sources: readonly CatalogSource[];
  /**
   * Files that the download writes itself.
   *
   * @default {No files}
   */
  readonly written?: readonly WrittenFile[];
}

/** Methods that run any latent diffusion model. */
const DIFFUSION_METHODS: readonly string[] = ["ldm", "generate-to-ground", "daam"];

/** Values of `--method` that run a model, the usual first. */
export function methodsOf({ method }: CatalogModel): readonly string[] {
  return DIFFUSION_METHODS.includes(method)
    ? [...new Set([method, ...DIFFUSION_METHODS])]
    : [method];
}

/** Repository of Stable Diffusion 1.5 since its owner removed the first. */
const SD15 = "stable-diffusion-v1-5/stable-diffusion-v1-5";
const OPENRAIL = "CreativeML OpenRAIL-M";

/** Models by their order in lists. */
export const CATALOG: readonly CatalogModel[] = [
  {
    name: "ldm",
    purpose: "The paper's latent diffusion model, with its text encoder.",
    method: "ldm",
    bytes: 2_490_000_000,
    access: "open",
    training:
      "Images and reports of MIMIC-CXR; the text encoder on LAION-2B, pictures and captions of the web.",
    // The paper counts 368 960 images in the training, as many as MIMIC-CXR's split train has.
    trained: "mimic-cxr:train,laion",
    unknown:
      "Hashes from the owner; which images were in the training, and so whether images of MS-CXR were.",
    sources: [
      {
        repository: "MONAI/cxr_image_synthesis_latent_diffusion_model",
        revision: "main",
        license: "Apache-2.0",
        files: [
          { path: "configs/inference.json" },
          { path: "models/autoencoder.pt" },
          { path: "models/diffusion_model.pt" },
        ],
      },
      {
        repository: "laion/CLIP-ViT-H-14-laion2B-s32B-b79K",
        revision: "main",
        license: "MIT",
        files: [
          { path: "config.json", to: "text_encoder/config.json" },
          { path: "vocab.json", to: "tokenizer/vocab.json" },
          { path: "merges.txt", to: "tokenizer/merges.txt" },
          {
            path: "model.safetensors",
            to: "text_encoder/model.safetensors",
            tensors: "text_model.",
          },
        ],
      },
    ],
  },
  biovilRow("biovil", {
    purpose: "BioViL (Boecking et al., ECCV 2022), a baseline of the paper.",
    bytes: 537_000_000,
    digest: "md5:02ce6ee460f72efd599295f440dbb453",
    training:
      "Images and reports of MIMIC-CXR; the text encoder on abstracts of PubMed and MIMIC-III too.",
  }),
  biovilRow("biovil-t", {
    purpose: "BioViL-T (Bannur et al., CVPR 2023), a baseline of the paper.",
    bytes: 538_000_000,
    digest: "md5:a83080e2f23aa584a4f2b24c39b1bb64",
    training: "Images and reports of MIMIC-CXR, with earlier images of the same patients.",
  }),
  {
    name: "medrpg",
    purpose: "MedRPG (Chen et al., MICCAI 2023), a baseline of the paper.",
    method: "medrpg",
    bytes: 600_000_000,
    access: "hand",
    training: "Images, phrases and boxes of a part of MS-CXR, so its scores there are too high.",
    trained: "ms-cxr,refcoco",
    unknown:
      "Size, hash and licence of the checkpoint: the published file was not at hand, and seeded " +
      "files in its layout took its place.",
    byHand: {
      files: ["MedMPG_MS_CXR.pth"],
      how:
        "Open https://github.com/eraserNut/MedRPG in a browser, follow the README's link to the " +
        "checkpoint on Google Drive, and save MedMPG_MS_CXR.pth in the model's folder.",
    },
    sources: [{
      repository: "google-bert/bert-base-uncased",
      revision: "main",
      license: "Apache-2.0",
      files: [{ path: "vocab.txt" }],
    }],
  },
  {
    name: "omnifm-dr",
    purpose: "OmniFM-DR (Xu et al., arXiv 2311.01092), a baseline of the paper.",
    method: "omnifm-dr",
    bytes: 11_830_000_000,
    access: "open",
    training: "Images, reports and boxes of several sets, MIMIC-CXR and VinDr-CXR among them.",
    trained: "mimic-cxr,vindr-cxr,*",
    unknown:
      "Hash and licence of the checkpoint, and whether boxes of MS-CXR were in the training: the " +
      "published file was not at hand, and seeded files in its layout took its place. A second " +
      "repository, MedHK23/OmniFM-DR, may hold other weights.",
    byHand: {
      files: ["dict.txt", "encoder.json", "vocab.bpe"],
      how: "Open https://github.com/MedHK23/OmniFM-DR/tree/main/utils/BPE in a browser, and save " +
        "dict.txt, encoder.json and vocab.bpe in the model's folder.",
    },
    sources: [{
      repository: "OpenMEDLab/OmniFM-DR",
      revision: "main",
      license: "not stated",
      files: [{ path: "omnifmdr.pt" }],
    }],
  },
  {
    name: "generate-to-ground",
    purpose:
      "Stable Diffusion fine-tuned on chest X-rays with CXR-BERT (Generate to Ground, MIDL 2025).",
    method: "generate-to-ground",
    bytes: 4_214_000_000,
    access: "open",
    training:
      "Impressions and images of MIMIC-CXR, from Stable Diffusion 1.5; the text encoder on abstracts of PubMed, MIMIC-III and MIMIC-CXR.",
    trained: "mimic-cxr,laion",
    unknown:
      "Licence of the U-Net; whether its page asks for an agreement, which a stored copy did not show; the names of its files, which come from the released code; which images were in the training, and so whether images of MS-CXR were.",
    sources: [
      {
        repository: SD15,
        revision: "main",
        license: OPENRAIL,
        files: [
          { path: "scheduler/scheduler_config.json" },
          { path: "vae/config.json" },
          { path: "vae/diffusion_pytorch_model.safetensors" },
        ],
      },
      textEncoder("BiomedVLP-CXR-BERT-specialized"),
      {
        repository: "FelixNuetzel/cxr_bert_ldm",
        revision: "main",
        license: "unknown (U-Net)",
        files: [
          { path: "unet_ema/config.json", others: ["unet/config.json"], to: "unet/config.json" },
          {
            path: "unet_ema/diffusion_pytorch_model.safetensors",
            others: [
              "unet_ema/diffusion_pytorch_model.bin",
              "unet/diffusion_pytorch_model.safetensors",
              "unet/diffusion_pytorch_model.bin",
            ],
            to: "unet/diffusion_pytorch_model.safetensors",
          },
        ],
      },
    ],
    // The released code pads to 77 tokens, and gives the mask with each phrase but the empty one.
    written: [bertTokenizer({ model_max_length: 77, mask_padding: "phrases" })],
  },
  {
    name: "radedit",
    purpose:
      "RadEdit (ECCV 2024), a diffusion model of chest X-rays with BioViL-T as text encoder.",
    method: "ldm",
    bytes: 2_534_000_000,
    access: "click",
    training:
      "Images of MIMIC-CXR, NIH ChestX-ray and CheXpert, with impressions or lists of findings.",
    trained: "mimic-cxr,nih-chestxray14,chexpert",
    unknown:
      "Architecture of the U-Net, which its configuration states: whether it can be read shows when it is opened; which images were in the training.",
    sources: [
      {
        repository: "microsoft/radedit",
        revision: "main",
        license: "other (research only)",
        files: [
          { path: "unet/config.json" },
          { path: "unet/diffusion_pytorch_model.safetensors" },
        ],
      },
      textEncoder("BiomedVLP-BioViL-T"),
      {
        repository: "stabilityai/sdxl-vae",
        revision: "main",
        license: "MIT",
        files: [
          { path: "config.json", to: "vae/config.json" },
          {
            path: "diffusion_pytorch_model.safetensors",
            to: "vae/diffusion_pytorch_model.safetensors",
          },
        ],
      },
    ],
    // The model's page makes both in code; the repository has no files for them.
    written: [
      bertTokenizer({ model_max_length: 128 }),
      {
        to: "scheduler/scheduler_config.json",
        json: {
          _class_name: "DDIMScheduler",
          num_train_timesteps: 1000,
          beta_schedule: "linear",
          beta_start: 0.0001,
          beta_end: 0.02,
          prediction_type: "epsilon",
          timestep_spacing: "trailing",
          steps_offset: 1,
          set_alpha_to_one: true,
          clip_sample: false,
        },
      },
    ],
  },
  {
    name: "sd15",
    purpose: "Stable Diffusion 1.5, which was not trained on X-rays: for comparison.",
    method: "ldm",
    bytes: 4_266_000_000,
    access: "open",
    training: "Pictures and captions of the web (LAION).",
    trained: "laion",
    unknown: "Hashes from the owner.",
    sources: [{
      repository: SD15,
      revision: "main",
      license: OPENRAIL,
      files: [
        { path: "scheduler/scheduler_config.json" },
        ...["vocab.json", "merges.txt", "special_tokens_map.json", "tokenizer_config.json"]
          .map((name) => ({ path: `tokenizer/${name}` })),
        ...["text_encoder", "vae", "unet"].map((part) => ({ path: `${part}/config.json` })),
        { path: "vae/diffusion_pytorch_model.safetensors" },
        { path: "text_encoder/model.safetensors" },
        { path: "unet/diffusion_pytorch_model.safetensors" },
      ],
    }],
  },
];

/** Source of a text encoder of Microsoft's, as a part of a diffusion model. */
function textEncoder(name: string): CatalogSource {
  return {
    repository: `microsoft/${name}`,
    revision: "main",
    license: "MIT",
    files: [
      { path: "config.json", to: "text_encoder/config.json" },
      { path: "vocab.txt", to: "tokenizer/vocab.txt" },
      {
        path: "pytorch_model.bin",
        others: ["model.safetensors"],
        to: "text_encoder/pytorch_model.bin",
      },
    ],
  };
}

/** Configuration of BERT's tokenizer in lower case, with settings that only code states. */
function bertTokenizer(settings: Readonly<Record<string, unknown>>): WrittenFile {
  return {
    to: "tokenizer/tokenizer_config.json",
    json: { tokenizer_class: "BertTokenizer", do_lower_case: true, ...settings },
  };
}

/**
 * Row of BioViL or BioViL-T. The hashes of the image encoders come from
 * `health_multimodal/image/model/pretrained.py`.
 */
function biovilRow(
  name: BiovilVariant,
  { digest, ...facts }: Pick<CatalogModel, "purpose" | "bytes" | "training"> & { digest: Digest },
): CatalogModel {
  const { repository, revision, image } = PUBLISHED[name];
  return {
    name,
    ...facts,
    method: name,
    access: "open",
    trained: "mimic-cxr:train",
    unknown: "Which images were in the training, and so whether images of MS-CXR were.",
    sources: [{
      repository: `microsoft/${repository}`,
      revision,
      license: "MIT",
      files: [
        { path: "config.json" },
        { path: "vocab.txt" },
        { path: image, digest },
        { path: "pytorch_model.bin" },
      ],
    }],
  };
}

/** The model of a name; `undefined` if the catalog has none. */
export function findModel(name: string): CatalogModel | undefined {
  return CATALOG.find((model) => model.name === name);
}
