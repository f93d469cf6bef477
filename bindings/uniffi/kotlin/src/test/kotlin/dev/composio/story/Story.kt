package dev.composio.story

import dev.composio.BackendKind
import dev.composio.Composio
import kotlinx.coroutines.runBlocking
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive

private fun JsonElement?.text(name: String) = this?.jsonObject?.get(name)?.jsonPrimitive?.content

/** The story of tests/story/run.py, from Kotlin. */
fun main(): Unit = runBlocking {
    val composio = Composio {
        backend = BackendKind.EMBEDDED
        config(Json.parseToJsonElement(System.getenv("STORY_CONFIG")).jsonObject)
    }
    val session = composio.create("ada")

    check("no active connected account of `tracker`" in session.execute("TRACKER_WHOAMI").error.orEmpty())
    val request = session.authorize("tracker")
    println("OPEN ${request.redirectUrl}")
    System.out.flush()
    val account = request.waitForConnection(120.0)
    check(account.status == "ACTIVE") { account }

    val found = session.search("whose account is used").results.first().primaryToolSlugs.first()
    check(found == "TRACKER_WHOAMI") { found }
    suspend fun body() = session.execute("TRACKER_WHOAMI").data.jsonObject["body"]
    check(body().text("sub") == "ada" && body().text("header") == "Bearer ***") { "${body()}" }
    val raw = session.proxyExecute("tracker", "/_api", "GET")
    check(raw.status == 200 && raw.data.text("sub") == "ada") { raw }

    check(composio.connectedAccounts.refresh(account.id).status == "ACTIVE")
    check(body().text("sub") == "ada")
    val revoked = composio.connectedAccounts.revoke(account.id).revokedTokens
    check(revoked == listOf("refresh_token", "access_token")) { revoked }
    check("REVOKED" in session.execute("TRACKER_WHOAMI").error.orEmpty())
    check(composio.connectedAccounts.delete(account.id).success)
    composio.close()
    println("DONE")
}
