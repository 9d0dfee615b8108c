-- What wrk sends: the requests of a file in turn. The file has the method, the path, the body, and then for each request its headers,
-- each a line with its name and one with its value, and an empty line.
local requests, next_request = {}, 0

function init(args)
  local lines = {}
  for line in io.lines(args[1]) do lines[#lines + 1] = line end
  local method, path, body = lines[1], lines[2], lines[3]
  if body == '' then body = nil end
  local headers, i = {}, 4
  while i <= #lines do
    if lines[i] == '' then
      requests[#requests + 1] = wrk.format(method, path, headers, body)
      headers, i = {}, i + 1
    else
      headers[lines[i]] = lines[i + 1]
      i = i + 2
    end
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
