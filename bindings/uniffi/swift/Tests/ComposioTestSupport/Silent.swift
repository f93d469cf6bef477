import Foundation

/// A server that takes requests and never answers.
public final class Silent: Sendable {
    private let listener: Int32
    /// Where it is.
    public let url: String

    public init() throws {
        #if canImport(Glibc)
            let type = Int32(SOCK_STREAM.rawValue)
        #else
            let type = SOCK_STREAM
        #endif
        listener = socket(AF_INET, type, 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listener = listener
        let failed = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(listener, address, size) != 0 || listen(listener, 16) != 0 || getsockname(listener, address, &size) != 0
            }
        }
        guard !failed else { throw Missing("no local socket: \(String(cString: strerror(errno)))") }
        url = "http://127.0.0.1:\(UInt16(bigEndian: address.sin_port))"
    }

    deinit { close(listener) }

    /// Waits for a connection and the first bytes of its request.
    public func take() async -> Connection {
        let listener = listener
        return await onThread {
            let connection = accept(listener, nil, nil)
            _ = receive(connection)
            return Connection(descriptor: connection)
        }
    }

    /// A request that has no answer.
    public struct Connection: Sendable {
        fileprivate let descriptor: Int32

        /// Waits until the client has gone away.
        public func ended() async {
            let descriptor = descriptor
            await onThread {
                while receive(descriptor) > 0 {}
                close(descriptor)
            }
        }
    }
}

private func receive(_ descriptor: Int32) -> Int {
    var bytes = [UInt8](repeating: 0, count: 4096)
    return recv(descriptor, &bytes, bytes.count, 0)
}

/// Blocking work, away from the threads of the tasks.
private func onThread<Value: Sendable>(_ work: @escaping @Sendable () -> Value) async -> Value {
    await withCheckedContinuation { continuation in
        Thread.detachNewThread { continuation.resume(returning: work()) }
    }
}
