// swift-tools-version: 6.0

import PackageDescription

// `swift.sh` generates what is below `Generated` and says where the library is.
let package = Package(
    name: "composio",
    platforms: [.macOS(.v13), .iOS(.v16)],
    products: [.library(name: "Composio", targets: ["Composio"])],
    targets: [
        .systemLibrary(name: "ComposioNativeFFI", path: "Generated/ComposioNativeFFI"),
        .target(
            name: "ComposioNative",
            dependencies: ["ComposioNativeFFI"],
            path: "Generated/ComposioNative",
            // What uniffi generates is not written for the Swift 6 mode.
            swiftSettings: [.swiftLanguageMode(.v5)],
            linkerSettings: [.linkedLibrary("composio_uniffi")]
        ),
        .target(name: "Composio", dependencies: ["ComposioNative"]),
        .executableTarget(name: "ComposioDemo", dependencies: ["Composio"]),
        .executableTarget(name: "ComposioBench", dependencies: ["Composio"]),
        .executableTarget(name: "ComposioStory", dependencies: ["Composio"]),
        .target(name: "ComposioTestSupport", dependencies: ["Composio"], path: "Tests/ComposioTestSupport"),
        .executableTarget(name: "ComposioPlayer", dependencies: ["ComposioTestSupport"], path: "Tests/ComposioPlayer"),
        .target(name: "ReadmePrograms", dependencies: ["Composio"], path: "Generated/ReadmePrograms"),
        .testTarget(
            name: "ComposioTests",
            dependencies: ["Composio", "ComposioNative", "ComposioTestSupport", "ComposioPlayer", "ReadmePrograms"]
        ),
    ],
    swiftLanguageModes: [.v6]
)
