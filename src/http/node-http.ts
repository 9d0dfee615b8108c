// Node's `http` as `require` gives it. An import would read each of its names, and `WebSocket` is one for which Node loads a client
// that no site needs: a twentieth of a start.
export const {createServer, ServerResponse, STATUS_CODES, validateHeaderName, validateHeaderValue} =
  process.getBuiltinModule('node:http');
