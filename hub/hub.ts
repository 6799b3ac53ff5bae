/**
 * Everything that Groundray assumes about the Hugging Face hub: addresses, hosts, headers, codes.
 *
 * The sources are the hub's documentation (`huggingface/hub-docs`, "Downloading behind a proxy or
 * firewall", August 2026) and the code of its clients `huggingface_hub` and `@huggingface/hub`.
 *
 * @module
 */

/** Address of the hub. */
export const HUB = "https://huggingface.co";

/**
 * Hosts that the hub sends files from: small files itself, large files from a storage host below
 * `hf.co`. The hub's documentation advises to allow the whole domain, since storage hosts change.
 * `*.hf.co` stands for `hf.co` and every host below it.
 */
export const HUB_HOSTS: readonly string[] = ["huggingface.co", "*.hf.co"];

/** Page on which a user makes a token. */
const TOKEN_PAGE = `${HUB}/settings/tokens`;

/** A place that serves files of repositories, and its customs. */
export interface Site {
  /** Its own address, beside those of mirrors. */
  readonly home: string;
  /** Address of a file below the address of the site or of a mirror. */
  readonly fileUrl: (endpoint: string, file: HubFile) => URL;
  /** Says in a sentence why a file was refused; the status is from 400. */
  readonly describeRefusal: (
    status: number,
    headers: Headers,
    file: HubFile,
    context: RefusalContext,
  ) => string;
}

/** A file of a repository at one revision. */
export interface HubFile {
  /** Owner and name, such as `microsoft/BiomedVLP-BioViL-T`. */
  readonly repository: string;
  /** Branch, tag or commit. */
  readonly revision: string;
  readonly path: string;
}

/** Address of a file. A mirror has the same paths below its own address. */
export function fileUrl(endpoint: string, { repository, revision, path }: HubFile): URL {
  const parts = path.split("/").map(encodeURIComponent).join("/");
  return new URL(`${endpoint}/${repository}/resolve/${encodeURIComponent(revision)}/${parts}`);
}

/** Facts that an answer states about a file. */
export interface FileFacts {
  /** SHA-256 of the file in hexadecimal; the hub states it for large files. */
  readonly sha256?: string;
  /** Strong entity tag of the file. */
  readonly etag?: string;
  /** Size of the file in bytes. */
  readonly size?: number;
  /** Commit that the revision stands for now. */
  readonly commit?: string;
}

/**
 * Reads the facts in an answer's headers. The hub states the facts in its own answer, redirects
 * included. A storage host states only the size and a tag of its own.
 */
export function readFacts(headers: Headers): FileFacts {
  const linked = unquote(headers.get("x-linked-etag"));
  const isSha256 = linked !== undefined && /^[0-9a-f]{64}$/.test(linked);
  const etag = headers.get("etag");
  const size = headers.get("x-linked-size");
  const commit = headers.get("x-repo-commit");
  return {
    ...(isSha256 && { sha256: linked }),
    // A weak tag does not promise equal bytes.
    ...(etag && !etag.startsWith("W/") && { etag }),
    ...(size !== null && /^\d{1,15}$/.test(size) && { size: Number(size) }),
    ...(commit !== null && /^[0-9a-f]{40}$/.test(commit) && { commit }),
  };
}

function unquote(text: string | null): string | undefined {
  return text?.replace(/^(W\/)?"(.*)"$/, "$2");
}

/** The part of a refusal's surroundings that its sentence needs. */
export interface RefusalContext {
  readonly host: string;
  /** The host is the hub or mirror itself, and no storage host. */
  readonly isEndpoint: boolean;
  readonly hadToken: boolean;
  /** Reason why a token in `HF_TOKEN` was not sent; absent if there is none, or it was sent. */
  readonly withheld?: string;
}

/**
 * Says in a sentence why a file was refused.
 *
 * @param status Status of the answer, from 400.
 */
export function describeRefusal(
  status: number,
  headers: Headers,
  { repository, revision, path }: HubFile,
  { host, isEndpoint, hadToken, withheld }: RefusalContext,
): string {
  const page = `${HUB}/${repository}`;
  const code = headers.get("x-error-code");
  const start = `Cannot fetch "${path}" of ${repository}: `;
  if (!isEndpoint) return `${start}the storage host ${host} answered ${status}`;
  if (status === 404 || code === "RepoNotFound") {
    const missing = code === "RepoNotFound"
      ? `${host} has no such repository, or only for some users`
      : code === "RevisionNotFound"
      ? `the repository has no revision "${revision}" any more`
      : code === "EntryNotFound"
      ? `revision "${revision}" has no such file any more`
      : `${host} has no such file at revision "${revision}"`;
    // A commit comes from the record of an earlier download.
    const remedy = /^[0-9a-f]{40}$/.test(revision)
      ? ", which come after the model's folder is removed"
      : "";
    return `${start}${missing}; ${page} shows the files of today${remedy}`;
  }
  if (status === 401 || status === 403) {
    if (withheld) return `${start}${host} wants a token (${status}); ${withheld}`;
    if (status === 401 && hadToken) {
      return `${start}${host} does not accept the token in HF_TOKEN (401); ${TOKEN_PAGE} makes another`;
    }
    return `${start}${host} gives it only to users who agreed to its terms (${status}): sign in and ` +
      `agree at ${page}` +
      (hadToken
        ? ", as the user of the token in HF_TOKEN"
        : `, make a token at ${TOKEN_PAGE}, and put it into the environment variable HF_TOKEN`);
  }
  return `${start}${host} answered ${status}`;
}

/** A refusal says that the repository exists and lacks the file; mirrors may leave out the code. */
export function lacksFile(status: number, headers: Headers): boolean {
  return status === 404 && (headers.get("x-error-code") ?? "EntryNotFound") === "EntryNotFound";
}

/** The Hugging Face hub. */
export const HUB_SITE: Site = { home: HUB, fileUrl, describeRefusal };
