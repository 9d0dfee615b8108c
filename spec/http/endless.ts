/** A body without end, that says when it was ended. */
export function endless() {
  const {promise: ended, resolve} = Promise.withResolvers<string>();
  async function* chunks() {
    try {
      for (;;) yield 'x'.repeat(1024);
    } finally {
      resolve('ended');
    }
  }
  return {chunks, ended};
}
