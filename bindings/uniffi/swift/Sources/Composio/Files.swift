import ComposioNative
import Foundation

/// The files that a session's sandbox sees too.
public struct FilesMount: Sendable {
    /// The mount of a session's files.
    public static let defaultMount = "files"

    let session: NativeSession

    /// A page of files below a path, at most `limit` (1 to 500).
    public func list(
        path: String? = nil, mountID: String = defaultMount, cursor: String? = nil, limit: Int? = nil
    ) async throws -> Page<FileItem> {
        let options = JSON.given(["path": .of(path), "cursor": .of(cursor), "limit": .of(limit)])
        return try await Page(
            text: nativeCall { try await session.listFiles(mountId: mountID, options: options.text, cancel: $0) })
    }

    /// Uploads bytes under a path of the mount; at most 100 MiB.
    public func upload(
        _ content: Data, remotePath: String? = nil, mimetype: String? = nil, mountID: String = defaultMount
    ) async throws -> RemoteFile {
        try await upload(content, source: "", remotePath, mimetype, mountID)
    }

    /// Uploads the file at a path or public URL; at most 100 MiB.
    ///
    /// - Parameter modifiers: those made by ``Modifier/beforeFileUpload(tools:toolkits:_:)`` may change or refuse it.
    /// - Throws: ``ComposioError`` of the kinds `fileNotFound`, `unsafePath`, `sensitiveFile`, `uploadNotAllowed`,
    ///   `blockedURL` or `upload`.
    public func upload(
        _ source: String, remotePath: String? = nil, mimetype: String? = nil, mountID: String = defaultMount,
        modifiers: [Modifier] = []
    ) async throws -> RemoteFile {
        guard let approved = try await modifiers.judge(FileUpload(source: source, tool: "", toolkit: "")) else {
            throw ComposioError(.uploadNotAllowed, "\(source): a beforeFileUpload modifier refused the upload")
        }
        return try await upload(nil, source: approved, remotePath, mimetype, mountID)
    }

    private func upload(
        _ content: Data?, source: String, _ remotePath: String?, _ mimetype: String?, _ mountID: String
    ) async throws -> RemoteFile {
        let reply = try await nativeCall {
            try await session.uploadFile(
                mountId: mountID, content: content, source: source, remotePath: remotePath, mimetype: mimetype, cancel: $0)
        }
        return RemoteFile(json: try JSON(parsing: reply), session: session)
    }

    /// A file of the mount; its content is fetched by `data`, `text` or `save`.
    public func download(_ path: String, mountID: String = defaultMount) async throws -> RemoteFile {
        let reply = try await nativeCall { try await session.downloadFile(mountId: mountID, path: path, cancel: $0) }
        return RemoteFile(json: try JSON(parsing: reply), session: session)
    }

    /// Removes a file and gives its path on the mount.
    @discardableResult
    public func delete(_ path: String, mountID: String = defaultMount) async throws -> DeletedFile {
        try await DeletedFile(text: nativeCall { try await session.deleteFile(mountId: mountID, path: path, cancel: $0) })
    }
}

/// A file of the mount, as a list has it.
public struct FileItem: Reply {
    public let json: JSON
    public init(json: JSON) { self.json = json }

    /// The path on the mount.
    public var mountRelativePath: String { string("mount_relative_path") }
    /// Where the sandbox sees the mount.
    public var sandboxMountPrefix: String { string("sandbox_mount_prefix") }
    /// The size in bytes.
    public var size: Int { int("size") }
    /// When it last changed, RFC 3339.
    public var lastModified: String { string("last_modified") }
}

/// A file that was removed.
public struct DeletedFile: Reply {
    public let json: JSON
    public init(json: JSON) { self.json = json }

    /// The path on the mount.
    public var mountRelativePath: String { string("mount_relative_path") }
    /// Where the sandbox sees the mount.
    public var sandboxMountPrefix: String { string("sandbox_mount_prefix") }
}

/// Where a file of the mount is, and for how long its URL works.
public struct RemoteFile: Sendable, CustomStringConvertible {
    /// The whole answer; it holds the presigned URL.
    public let json: JSON
    let session: NativeSession

    private func string(_ name: String) -> String { json[name]?.string ?? "" }

    /// The path on the mount.
    public var mountRelativePath: String { string("mount_relative_path") }
    /// Where the sandbox sees the mount.
    public var sandboxMountPrefix: String { string("sandbox_mount_prefix") }
    /// The presigned URL: a credential.
    public var downloadURL: String { string("download_url") }
    /// Until when the URL works, RFC 3339.
    public var expiresAt: String { string("expires_at") }

    /// The last part of the path; ``save(to:)`` refuses one that cannot name a file here.
    public var filename: String {
        String(mountRelativePath.split(omittingEmptySubsequences: false) { $0 == "/" || $0 == "\\" }.last ?? "")
    }

    /// The content, at most 100 MiB.
    ///
    /// - Throws: ``ComposioError`` of the kinds `download`, for one because the URL has expired, or `tooLarge`.
    public func data() async throws -> Data {
        try await nativeCall { try await session.fileContent(downloadUrl: downloadURL, cancel: $0) }
    }

    /// The content as UTF-8 text.
    public func text() async throws -> String {
        String(decoding: try await data(), as: UTF8.self)
    }

    /// Saves the file and gives the absolute path.
    ///
    /// - Parameter path: a file, or a folder that exists; by default the working folder. In a folder the file keeps its
    ///   remote name, and an existing file is not overwritten but the new one numbered.
    /// - Throws: ``ComposioError`` of the kinds `unsafePath`, where the remote name cannot name a file here, or `file`.
    public func save(to path: String? = nil) async throws -> String {
        try await nativeCall {
            try await session.saveFile(downloadUrl: downloadURL, mountPath: mountRelativePath, to: path, cancel: $0)
        }
    }

    /// The path and the time; not the URL.
    public var description: String { "RemoteFile(\(mountRelativePath), expires at \(expiresAt))" }
}
