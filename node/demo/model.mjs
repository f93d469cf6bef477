// A scripted model behind a real HTTP endpoint: it speaks OpenAI's chat completions and asks for the same tools.

import { createServer } from "node:http";
import { json } from "node:stream/consumers";

/** Starts the endpoint on a free port. It answers a message with `calls`, and their results with a sentence. */
export async function serve(calls) {
  const server = createServer(async (request, response) => {
    const { messages, tools } = await json(request);
    const results = messages.filter(({ role }) => role === "tool");
    const offered = new Set(tools.map((tool) => tool.function.name));
    const worked = results.filter(({ content }) => JSON.parse(content).successful).length;
    const message =
      results.length > 0
        ? { content: `${worked} of ${results.length} tools did their work.` }
        : { content: null, tool_calls: calls.filter(([name]) => offered.has(name)).map(call) };
    const choice = {
      index: 0,
      finish_reason: results.length > 0 ? "stop" : "tool_calls",
      message: { role: "assistant", ...message },
    };
    response.setHeader("content-type", "application/json");
    response.end(
      JSON.stringify({ id: "c", object: "chat.completion", created: 0, model: "scripted", choices: [choice] }),
    );
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  const stop = () => {
    server.close();
    server.closeAllConnections();
  };
  return { url: `http://127.0.0.1:${server.address().port}/v1`, stop };
}

function call([name, args], number) {
  return { id: `call_${number}`, type: "function", function: { name, arguments: JSON.stringify(args) } };
}
