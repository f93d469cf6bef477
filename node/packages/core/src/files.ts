/** A session's files. */

import { call, type RequestOptions } from "./calls.js";
import { camelize } from "./case.js";
import { ValidationError } from "./errors.js";
import { describe, encode, optionalText, text } from "./json.js";
import type { FileDeleteResponse, FileItem, Page } from "./models.js";
import { approveUpload, type FileModifiers } from "./modifiers.js";
import type { NativeSession } from "./native.js";
import type { FileInput } from "./types.js";

const DEFAULT_MOUNT = "files";

interface Location {
  expiresAt: string;
  mountRelativePath: string;
  sandboxMountPrefix: string;
  downloadUrl: string;
}

/** A file of a session's mount. */
export class RemoteFile {
  /** Until when the URL works, RFC 3339. */
  readonly expiresAt: string;
  /** The path below the mount. */
  readonly mountRelativePath: string;
  /** Where the sandbox has the mount. */
  readonly sandboxMountPrefix: string;
  // Private, so that no log shows it: the URL is a credential.
  readonly #downloadUrl: string;
  readonly #session: NativeSession;

  /** @internal */
  constructor(location: Location, session: NativeSession) {
    this.expiresAt = location.expiresAt;
    this.mountRelativePath = location.mountRelativePath;
    this.sandboxMountPrefix = location.sandboxMountPrefix;
    this.#downloadUrl = location.downloadUrl;
    this.#session = session;
  }

  /** Where the content is; whoever has the URL can read it. */
  get downloadUrl(): string {
    return this.#downloadUrl;
  }

  /** The last part of the path. */
  get filename(): string {
    return this.mountRelativePath.split(/[\\/]/).at(-1) ?? "";
  }

  /**
   * The content, at most 100 MiB.
   *
   * @throws RemoteFileDownloadError The download failed, for one because the URL has expired.
   * @throws ResponseTooLargeError The file is larger.
   */
  async buffer(options?: RequestOptions): Promise<Uint8Array> {
    return call((queue) => this.#session.fileContent(queue, this.#downloadUrl), options);
  }

  /** The content as UTF-8 text. */
  async text(options?: RequestOptions): Promise<string> {
    return new TextDecoder().decode(await this.buffer(options));
  }

  /**
   * Saves the file and gives the absolute path.
   *
   * @param path A file, or a folder that exists; by default the working folder. In a folder the file keeps its remote
   *   name, and an existing file is not overwritten but the new one numbered.
   * @throws UnsafePathComponentError The remote name cannot name a file here.
   * @throws FileError The file could not be written.
   */
  async save(path?: string, options?: RequestOptions): Promise<string> {
    const to = optionalText("path", path);
    return call((queue) => this.#session.saveFile(queue, this.#downloadUrl, this.mountRelativePath, to), options);
  }
}

/** Which mount; by default the session's files. */
export interface MountOptions {
  mountId?: string | undefined;
}

/** The files that a session's sandbox sees too. */
export class SessionFilesMount {
  readonly #session: NativeSession;

  /** @internal */
  constructor(session: NativeSession) {
    this.#session = session;
  }

  /** A page of files below `path`, at most `limit` (1 to 500). */
  async list(
    query: MountOptions & { path?: string | undefined; cursor?: string | undefined; limit?: number | undefined } = {},
    options?: RequestOptions,
  ): Promise<Page<FileItem>> {
    const { mountId, ...page } = query;
    const wire = encode("list", page);
    return camelize(
      await call((queue) => this.#session.listFiles(queue, mount(mountId), wire), options),
    ) as Page<FileItem>;
  }

  /**
   * Uploads a file by its path or public URL, or bytes under `remotePath`; at most 100 MiB.
   *
   * @throws SDKFileNotFoundError There is no file at the path.
   * @throws UnsafePathComponentError The remote path would leave the mount.
   * @throws ErrorUploadingFile The upload failed.
   */
  async upload(
    input: FileInput,
    details: MountOptions & {
      remotePath?: string | undefined;
      mimetype?: string | undefined;
      modifiers?: FileModifiers | undefined;
    } = {},
    options?: RequestOptions,
  ): Promise<RemoteFile> {
    const { mountId, modifiers, mimetype } = details;
    const source = await read(await approveUpload(input, modifiers));
    const remotePath = details.remotePath ?? nameOf(input);
    return this.#located(
      (queue) =>
        this.#session.uploadFile(
          queue,
          mount(mountId),
          source,
          optionalText("remotePath", remotePath),
          optionalText("mimetype", mimetype),
        ),
      options,
    );
  }

  /** A file of the mount; its content is fetched by `buffer`, `text` or `save`. */
  async download(path: string, { mountId }: MountOptions = {}, options?: RequestOptions): Promise<RemoteFile> {
    const from = text("path", path);
    return this.#located((queue) => this.#session.downloadFile(queue, mount(mountId), from), options);
  }

  /** Removes a file. */
  async delete(path: string, { mountId }: MountOptions = {}, options?: RequestOptions): Promise<FileDeleteResponse> {
    const from = text("path", path);
    const reply = await call((queue) => this.#session.deleteFile(queue, mount(mountId), from), options);
    return camelize(reply) as FileDeleteResponse;
  }

  async #located(start: Parameters<typeof call>[0], options: RequestOptions | undefined): Promise<RemoteFile> {
    return new RemoteFile(camelize(await call(start, options)) as Location, this.#session);
  }
}

function mount(mountId: string | undefined): string {
  return optionalText("mountId", mountId) ?? DEFAULT_MOUNT;
}

async function read(input: FileInput): Promise<Uint8Array | string> {
  if (typeof input === "string") return text("input", input);
  if (input instanceof URL) return input.href;
  if (input instanceof Uint8Array) return input;
  if (input instanceof ArrayBuffer) return new Uint8Array(input);
  if (input instanceof Blob) return new Uint8Array(await input.arrayBuffer());
  throw new ValidationError(`input: expected a path, a URL or bytes, got ${describe(input)}`, { kind: "validation" });
}

/** A `File` has a name of its own. */
function nameOf(input: FileInput): string | undefined {
  const name: unknown = input instanceof Blob && "name" in input ? input.name : undefined;
  return typeof name === "string" ? name : undefined;
}
