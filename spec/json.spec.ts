import test from 'ava';
import {isJson} from '../src/json.ts';

const circle: unknown[] = [];
circle.push({circle});
const shared = {a: 1};
class Point {
  x = 1;
}

const exact: Record<string, unknown> = {
  text: 'plain, "quoted", \u2028, \0, 雪, \ud83c',
  numbers: [0, 1.5, -7, 2 ** 53, 5e-324],
  'true, false and null': [true, false, null],
  'lists and objects in each other': [[], {}, {a: [{b: [[]]}]}],
  'names that mean something elsewhere': {constructor: 1, toString: 2, length: 3, toJSON: 4},
};

for (const [what, value] of Object.entries(exact)) {
  test(`JSON gives back just as they are: ${what}`, t => {
    t.true(isJson(value));
    t.deepEqual(JSON.parse(JSON.stringify(value)), value);
  });
}

const others: Record<string, unknown> = {
  NaN: NaN,
  'an infinite number': -Infinity,
  'the negative zero': -0,
  undefined: undefined,
  bigint: 1n,
  'a function': () => 1,
  'a symbol': Symbol('a'),
  date: new Date(0),
  map: new Map(),
  set: new Set(),
  bytes: new Uint8Array(1),
  'a hole': Array.from({length: 1}).concat(Object.assign([], {length: 1})),
  'an instance of a class': new Point(),
  'a list of another class': new (class Names extends Array {})(),
  'an object without a prototype': Object.create(null),
  'an object with a field named by a symbol': {[Symbol('a')]: 1},
  'an object with a field named __proto__': JSON.parse('{"__proto__": 1}'),
  'an object with a toJSON()': {toJSON: () => 1},
  'what is there twice': [shared, shared],
  'a circle': circle,
};

for (const [what, value] of Object.entries(others)) {
  test(`JSON would not give back as they are, however deep: ${what}`, t => {
    t.false(isJson(value));
    t.false(isJson({a: [{b: value}]}));
  });
}
