// Traces go to the console. For a collector give another exporter, as that of @opentelemetry/exporter-trace-otlp-http.
import {trace} from '@opentelemetry/api';
import {BasicTracerProvider, ConsoleSpanExporter, SimpleSpanProcessor} from '@opentelemetry/sdk-trace-base';
import {serve} from 'espalier';
import {Shop} from './shop.js';
import {traceSites} from './tracing.js';

trace.setGlobalTracerProvider(
  new BasicTracerProvider({spanProcessors: [new SimpleSpanProcessor(new ConsoleSpanExporter())]}),
);
traceSites();

await serve(Shop);
