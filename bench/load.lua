-- What wrk sends: the requests of a file in turn. The file has the method, the path, the body and then one cookie to a line.
local requests, next_request = {}, 0

function init(args)
  local lines = {}
  for line in io.lines(args[1]) do lines[#lines + 1] = line end
  local method, path, body = lines[1], lines[2], lines[3]
  local headers = {}
  if body ~= '' then headers['Content-Type'] = 'application/json' else body = nil end
  for i = 4, math.max(#lines, 4) do
    headers['Cookie'] = lines[i]
    requests[#requests + 1] = wrk.format(method, path, headers, body)
  end
end

function request()
  next_request = next_request % #requests + 1
  return requests[next_request]
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format('\n{"answered":%d,"microseconds":%d,"errors":%d,"p50":%d,"p99":%d,"max":%d}\n',
    summary.requests, summary.duration, e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50), latency:percentile(99), latency.max))
end
