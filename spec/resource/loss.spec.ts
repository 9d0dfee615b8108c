import test from 'ava';
import {html} from 'espalier';
import {isKept, lossIn} from '../../src/resource/loss.ts';

class Person {
  constructor(
    readonly name: string,
    readonly age?: number,
  ) {}
  greet() {
    return `Hello, ${this.name}.`;
  }
}
class Account extends Person {
  #balance = 100;
  get balance() {
    return this.#balance;
  }
}
class Premium extends Account {}
class Helpful {
  static #made = 0;
  readonly colour = 'a #fff; b';
  constructor() {
    Helpful.#made += 1;
  }
  show() {
    return `${this.#help()} in ${this.colour}, the ${Helpful.#made}th`;
  }
  #help() {
    return 'help';
  }
}
class Talkative {
  // #made = 1;
  /*
   * #made = 1;
   */
  readonly one = "#made = 1;' #made = 1;";
  readonly other = "it's #made = 1; #made;";
  readonly third = `
    #made = 1;
  `;
  readonly pattern = /["'`/]/.source + ' #made; ';
  show() {
    // this.#made
    return `.#made`;
  }
}
class Quiet {
  readonly quote = /["'`]/.source;
  #kept = "it's"; // kept
  show() {
    return `${this.#kept} ${this.quote}`;
  }
}
class Money {
  readonly #amount = 5;
  toJSON() {
    return {amount: this.#amount};
  }
}
class Nothing {}
class Late {
  get now() {
    return 5;
  }
}
class Failure extends Error {
  readonly status = 409;
}

async function* chunks() {
  yield 'chunk';
}

/** What JSON loses, and what it is called. */
const lost: [value: unknown, what: string][] = [
  [new Map([['a', 1]]), 'a Map'],
  [new Set([1]), 'a Set'],
  [new WeakMap(), 'a WeakMap'],
  [/a/, 'a RegExp'],
  [new Error('a'), 'an Error'],
  [new Failure('a'), 'a Failure'],
  [Promise.resolve(1), 'a Promise'],
  [[1].values(), 'an Iterator'],
  [chunks(), 'an AsyncGenerator'],
  [new ArrayBuffer(1), 'an ArrayBuffer'],
  [new Headers({a: 'b'}), 'a Headers'],
  [new FormData(), 'a FormData'],
  [new URLSearchParams('a=1'), 'a URLSearchParams'],
  [new Blob(['a']), 'a Blob'],
  [new File(['a'], 'a'), 'a File'],
  [new Account('ada', 36), 'an Account'],
  [new Premium('ada', 36), 'a Premium'],
  [new Quiet(), 'a Quiet'],
  [
    new (class {
      #a = 1;
      b = () => this.#a;
    })(),
    'an object of a class without a name',
  ],
  [new Late(), 'a Late'],
  [Object.defineProperty(new Nothing(), 'hidden', {value: 1}), 'a Nothing'],
  [5n, 'a bigint'],
];

for (const [value, what] of lost) {
  test(`${what} inside an object is what JSON would lose, and its place is told: ${String(value).slice(0, 20)}`, t => {
    const whole = {notes: [{}, {'a/b': value}]};
    if (typeof value !== 'bigint') t.false(isKept(whole));
    t.deepEqual(lossIn(whole), {what, pointer: '/notes/1/a~1b'});
  });
}

const kept: Record<string, unknown> = {
  'nothing at all': {},
  'texts, numbers, truth values and null': {a: 'a', b: 1, c: true, d: null},
  'lists in lists': [[1, ['a']], []],
  'a date, a URL and bytes in a Buffer': {a: new Date(), b: new URL('http://a'), c: Buffer.from('a')},
  'bytes, which JSON writes one by one': {a: new Uint8Array([1, 2])},
  'what has toJSON(), whatever else it holds': {a: new Money(), b: {toJSON: () => 1, map: new Map()}},
  'instances whose fields are all there to see': {a: new Person('ada', 36), b: [new Helpful()]},
  'an instance whose class speaks of private fields in comments, texts, templates and patterns alone': {
    a: new Talkative(),
  },
  'an instance that has nothing': {a: new Nothing()},
  'an object without prototype': Object.assign(Object.create(null) as object, {a: 1}),
  'texts and numbers in objects of their own': {a: Object('a'), b: Object(1)},
  html: {a: html`<p>`},
  'what JSON leaves out or writes as null': {
    a: undefined,
    b: () => 1,
    c: Symbol('c'),
    d: NaN,
    e: [undefined, Infinity],
  },
};

for (const [what, value] of Object.entries(kept)) {
  test(`JSON keeps ${what}`, t => {
    t.is(lossIn(value), undefined);
    // Where it is in doubt, lossIn() is asked.
    t.true(isKept(value as object) || 'b' in (value as object));
  });
}

test('what stands in a circle, or too deep, is no loss: JSON refuses that itself', t => {
  const circle: Record<string, unknown> = {};
  circle['self'] = circle;
  circle['again'] = [circle];
  t.is(lossIn(circle), undefined);
  let deep: unknown = new Map();
  for (let level = 0; level < 20_000; level += 1) deep = [deep];
  t.is(lossIn(deep), undefined);
});
