// What the spans of examples/opentelemetry have to say.
import {strict as assert} from 'node:assert';
import {SpanKind, propagation, trace} from '@opentelemetry/api';
import {W3CTraceContextPropagator} from '@opentelemetry/core';
import {BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor} from '@opentelemetry/sdk-trace-base';
import {createSite} from 'espalier';
import {Shop} from './shop.js';
import {traceSites} from './tracing.js';

const exporter = new InMemorySpanExporter();
trace.setGlobalTracerProvider(new BasicTracerProvider({spanProcessors: [new SimpleSpanProcessor(exporter)]}));
propagation.setGlobalPropagator(new W3CTraceContextPropagator());
traceSites();

const site = createSite(Shop);
const url = await site.listen({port: 0});

/** The spans of one request, by their names. */
async function spansOf(path: string, headers: Record<string, string> = {}) {
  exporter.reset();
  await (await fetch(new URL(path, url), {headers})).text();
  return new Map(exporter.getFinishedSpans().map(span => [span.name, span]));
}

const traceId = '0af7651916cd43dd8448eb211c80319c';
const read = await spansOf('/spade?secret=1', {traceparent: `00-${traceId}-b7ad6b7169203331-01`});
const request = read.get('GET /:article')!;
assert.equal(request.kind, SpanKind.SERVER);
assert.equal(request.spanContext().traceId, traceId);
assert.equal(request.attributes['http.request.method'], 'GET');
assert.equal(request.attributes['http.route'], '/:article');
assert.equal(request.attributes['url.path'], '/spade');
assert.equal(request.attributes['http.response.status_code'], 200);
assert.equal(read.get('look up')!.parentSpanContext!.spanId, request.spanContext().spanId);

const begun = await spansOf('/');
const create = begun.get('session store create')!;
assert.equal(create.parentSpanContext!.spanId, begun.get('GET /')!.spanContext().spanId);

const broken = (await spansOf('/broken')).get('GET')!;
assert.equal(broken.attributes['error.type'], '500');
assert.equal(broken.events[0]!.attributes!['exception.message'], 'The shelf has fallen.');

await site.close();
console.log('opentelemetry: as its page says');
