import type { ByteFile } from "./byte_file.ts";

// "ustar" stands at byte 257 of a tar archive (POSIX.1-1988).
const TAR_MAGIC_OFFSET = 257;
const HEAD_BYTES = 512;
// First byte of every pickle of protocol 2 to 5; the number of the protocol follows.
const PICKLE_PROTOCOL = 0x80;
// The integer 0x1950a86a20f9469cfc6c as LONG1, torch.serialization.MAGIC_NUMBER.
const TORCH_LEGACY_MAGIC = "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
const CONVERT =
  'convert it with a current PyTorch: torch.save(torch.load("x.pth", map_location="cpu"), "x.pth")';

/**
 * Tells the two readable formats apart by the first bytes of a file.
 *
 * @param file The open file.
 * @throws {SyntaxError} If the file has neither format. The message names the actual format if it
 * is known; it is a reason without the name of the file.
 */
export async function sniffFormat(file: ByteFile): Promise<"safetensors" | "zip"> {
  if (file.size === 0) throw new SyntaxError("the file is empty");
  const bytes = await file.read(0, Math.min(HEAD_BYTES, file.size));
  const head = String.fromCharCode(...bytes);
  if (head.startsWith("PK\x03\x04")) return "zip";
  // The length of safetensors' JSON header may have the bytes of a pickle's start.
  if (head[8] === "{" && new DataView(bytes.buffer).getBigUint64(0, true) < BigInt(file.size)) {
    return "safetensors";
  }
  if (bytes[0] === PICKLE_PROTOCOL && bytes[1]! >= 2 && bytes[1]! <= 5) {
    throw new SyntaxError(
      head.startsWith(TORCH_LEGACY_MAGIC, 2)
        ? `it is in the legacy (non-zip) PyTorch format; ${CONVERT}`
        : "it is a bare pickle, expected a zip made by torch.save or safetensors",
    );
  }
  if (head.startsWith("ustar", TAR_MAGIC_OFFSET)) {
    throw new SyntaxError(`it is a tar archive, as the oldest PyTorch wrote; ${CONVERT}`);
  }
  if (head.startsWith("version https://git-lfs")) {
    throw new SyntaxError(
      "it is a Git LFS pointer and not the checkpoint itself; fetch it with: git lfs pull",
    );
  }
  // The JSON header of safetensors begins at byte 8.
  if (head[8] === "{") return "safetensors";
  if (/^(\xef\xbb\xbf)?\s*<(!doctype|html|head)/i.test(head)) {
    throw new SyntaxError("it is a web page and not a checkpoint; download the file again");
  }
  if (/\.safetensors$/i.test(file.path)) return "safetensors";
  throw new SyntaxError(
    "it is truncated or not a checkpoint, expected a zip made by torch.save or safetensors",
  );
}
