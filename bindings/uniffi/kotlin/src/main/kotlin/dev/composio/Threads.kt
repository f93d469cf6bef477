package dev.composio

import com.sun.jna.CallbackThreadInitializer
import com.sun.jna.Native
import dev.composio.ffi.uniffiRustFutureContinuationCallbackImpl
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.withContext
import kotlin.coroutines.ContinuationInterceptor

/** The threads of the native library, as the virtual machine sees them. */
internal object Threads {
    private val attached by lazy {
        val initializer = CallbackThreadInitializer(true, false, "composio")
        Native.setCallbackThreadInitializer(uniffiRustFutureContinuationCallbackImpl, initializer)
    }

    /** Attaches each thread once, as a daemon; by default that happens with every result, and takes longer than the rest. */
    fun keepAttached(): Unit = attached
}

/**
 * The same as [native] for a call that waits.
 *
 * A coroutine without a dispatcher goes on where its result came from, a thread of the native library: the caller's next
 * blocking line would stop the library's work, and wait for it in vain. Such a coroutine goes on in [Dispatchers.Default].
 */
internal suspend inline fun <T> nativeCall(crossinline work: suspend () -> T): T =
    when (currentCoroutineContext()[ContinuationInterceptor]) {
        null, Dispatchers.Unconfined -> withContext(Dispatchers.Default) { native { work() } }
        else -> native { work() }
    }
