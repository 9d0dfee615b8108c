export {Client, type ClientInit} from './client.ts';
export {TestClock} from './test-clock.ts';
export {testSite, type LogLine, type TestSite} from './test-site.ts';
