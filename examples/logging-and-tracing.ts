// Run it with `npm run example logging-and-tracing`.
import {tracingChannel} from 'node:diagnostics_channel';
import {Child, Get, Resource, serve, type Request, type RequestTrace} from 'espalier';
import {accessLog, requestId} from 'espalier/builtin';

/** How often each way was asked for, and by what the answers ended. */
const answers = new Map<string, number>();

const nothing = () => undefined;
tracingChannel('espalier:request').subscribe({
  start: nothing,
  end: nothing,
  asyncStart: nothing,
  asyncEnd(message) {
    const {request, status} = message as RequestTrace;
    const key = `${request.method} ${request.pattern ?? '(nothing)'} ${status}`;
    answers.set(key, (answers.get(key) ?? 0) + 1);
  },
  error: nothing,
});

@Resource()
class Person {
  @Get()
  show({params}: Request) {
    return `This is ${params['name']}.`;
  }
}

@Resource()
class Metrics {
  @Get()
  show() {
    return Object.fromEntries(answers);
  }
}

@Resource()
@Child('metrics', Metrics)
class Home {
  @Get()
  show(request: Request) {
    return `Ask us about ${request.get(requestId)}.`;
  }

  @Child(':name', Person)
  find() {
    return new Person();
  }
}

await serve(Home, {use: [accessLog()]});
