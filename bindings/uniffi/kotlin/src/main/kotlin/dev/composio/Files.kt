package dev.composio

import dev.composio.ffi.NativeSession
import kotlinx.serialization.json.JsonObject
import java.nio.file.Path

/** The files that a session's sandbox sees too. */
public class FilesMount internal constructor(private val native: NativeSession) {
    /** A page of files below [path], at most [limit] (1 to 500). */
    public suspend fun list(
        path: String? = null,
        mountId: String = DEFAULT_MOUNT,
        cursor: String? = null,
        limit: Int? = null,
    ): Page<FileItem> {
        val options = given("path" to json(path), "cursor" to json(cursor), "limit" to json(limit))
        return Page(parseObject(nativeCall { native.listFiles(mountId, options.text(), null) }), ::FileItem)
    }

    /** Uploads bytes under [remotePath]; at most 100 MiB. */
    public suspend fun upload(
        content: ByteArray,
        remotePath: String? = null,
        mimetype: String? = null,
        mountId: String = DEFAULT_MOUNT,
    ): RemoteFile = file(nativeCall { native.uploadFile(mountId, content, "", remotePath, mimetype, null) })

    /**
     * Uploads the file at a path or public URL; at most 100 MiB. [beforeFileUpload] modifiers may change or refuse it.
     *
     * @throws ComposioException.FileNotFound if there is no file at the path
     * @throws ComposioException.UnsafePath if the remote path would leave the mount
     * @throws ComposioException.SensitiveFile if the file commonly holds credentials
     */
    public suspend fun upload(
        source: String,
        remotePath: String? = null,
        mimetype: String? = null,
        mountId: String = DEFAULT_MOUNT,
        modifiers: List<Modifier> = emptyList(),
    ): RemoteFile {
        val approved = modifiers.judge(FileUpload(source, "", "")) ?: throw ComposioException.UploadNotAllowed(
            Fields("upload_not_allowed", "$source: a beforeFileUpload modifier refused the upload"),
        )
        return file(nativeCall { native.uploadFile(mountId, null, approved, remotePath, mimetype, null) })
    }

    /** A file of the mount; its content is fetched by `bytes`, `text` or `save`. */
    public suspend fun download(filePath: String, mountId: String = DEFAULT_MOUNT): RemoteFile =
        file(nativeCall { native.downloadFile(mountId, filePath, null) })

    /** Removes a file and gives its path on the mount. */
    public suspend fun delete(remotePath: String, mountId: String = DEFAULT_MOUNT): DeletedFile =
        DeletedFile(parseObject(nativeCall { native.deleteFile(mountId, remotePath, null) }))

    private fun file(reply: String) = RemoteFile(parseObject(reply), native)

    /** What applies where no mount is named. */
    public companion object {
        /** The mount of a session's files. */
        public const val DEFAULT_MOUNT: String = "files"
    }
}

/** A file of the mount, as a list has it. */
public class FileItem internal constructor(json: JsonObject) : Reply(json) {
    /** The path on the mount. */
    public val mountRelativePath: String get() = string("mount_relative_path")

    /** Where the sandbox sees the mount. */
    public val sandboxMountPrefix: String get() = string("sandbox_mount_prefix")

    /** The size in bytes. */
    public val size: Long get() = long("size")

    /** When it last changed, RFC 3339. */
    public val lastModified: String get() = string("last_modified")
}

/** A file that was removed. */
public class DeletedFile internal constructor(json: JsonObject) : Reply(json) {
    /** The path on the mount. */
    public val mountRelativePath: String get() = string("mount_relative_path")

    /** Where the sandbox sees the mount. */
    public val sandboxMountPrefix: String get() = string("sandbox_mount_prefix")
}

/** Where a file of the mount is, and for how long its URL works. */
public class RemoteFile internal constructor(json: JsonObject, private val native: NativeSession) : Reply(json) {
    /** The path on the mount. */
    public val mountRelativePath: String get() = string("mount_relative_path")

    /** Where the sandbox sees the mount. */
    public val sandboxMountPrefix: String get() = string("sandbox_mount_prefix")

    /** The presigned URL: a credential. */
    public val downloadUrl: String get() = string("download_url")

    /** Until when the URL works, RFC 3339. */
    public val expiresAt: String get() = string("expires_at")

    /** The last part of the path; [save] refuses one that cannot name a file here. */
    public val filename: String get() = mountRelativePath.substringAfterLast('/').substringAfterLast('\\')

    /**
     * The content, at most 100 MiB.
     *
     * @throws ComposioException.Download if the download failed, for one because the URL has expired
     * @throws ComposioException.TooLarge if the file is larger
     */
    public suspend fun bytes(): ByteArray = nativeCall { native.fileContent(downloadUrl, null) }

    /** The content as UTF-8 text. */
    public suspend fun text(): String = bytes().decodeToString()

    /**
     * Saves the file and gives the absolute path.
     *
     * @param to a file, or a folder that exists; by default the working folder. In a folder the file keeps its remote
     *   name, and an existing file is not overwritten but the new one numbered.
     * @throws ComposioException.UnsafePath if the remote name cannot name a file here
     * @throws ComposioException.File if the file could not be written
     */
    public suspend fun save(to: Path? = null): Path =
        Path.of(nativeCall { native.saveFile(downloadUrl, mountRelativePath, to?.toString(), null) })

    override fun toString(): String = "RemoteFile($mountRelativePath, expiresAt=$expiresAt)"
}
