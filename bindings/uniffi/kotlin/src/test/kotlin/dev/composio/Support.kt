package dev.composio

import kotlinx.serialization.json.add
import kotlinx.serialization.json.addJsonObject
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.put
import kotlinx.serialization.json.putJsonArray
import kotlinx.serialization.json.putJsonObject
import java.nio.file.Path

/** A client of the mock's benchmark backend, which answers everything. */
internal fun hosted(): Composio = Composio {
    apiKey = "k"
    baseUrl = Mock.shared.url
}

/** A client of an embedded router in a folder, with the MCP server `everything` if that is asked for. */
internal fun embedded(folder: Path, everything: Boolean = false, format: Provider = Provider.OPENAI): Composio = Composio {
    provider = format
    backend = BackendKind.EMBEDDED
    config(
        buildJsonObject {
            putJsonObject("router") {
                put("data_dir", folder.toString())
                put("workspace", folder.resolve("work").toString())
            }
            putJsonArray("mcp") {
                val url = System.getenv("SCENARIO_MCP_URL")
                if (everything) {
                    addJsonObject {
                        put("slug", "everything")
                        if (url != null) {
                            put("url", url)
                        } else {
                            put("command", "node")
                            putJsonArray("args") { add(Places.server("everything").toString()) }
                        }
                    }
                }
            }
        },
    )
}
