package dev.composio

import com.sun.jna.CallbackThreadInitializer
import com.sun.jna.Native
import dev.composio.ffi.uniffiRustFutureContinuationCallbackImpl

/** The threads of the native library, as the virtual machine sees them. */
internal object Threads {
    private val attached by lazy {
        val initializer = CallbackThreadInitializer(true, false, "composio")
        Native.setCallbackThreadInitializer(uniffiRustFutureContinuationCallbackImpl, initializer)
    }

    /** Attaches each thread once, as a daemon; by default that happens with every result, and takes longer than the rest. */
    fun keepAttached(): Unit = attached
}
