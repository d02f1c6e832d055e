/** The same items, the next one being made while one is used. */
export async function* readAhead<T>(items: AsyncGenerator<T, void, undefined>): AsyncGenerator<T, void, undefined> {
  const started = () => {
    const next = items.next();
    next.catch(() => {}); // it is told when it is asked for
    return next;
  };
  let next = started();
  try {
    for (;;) {
      const { value, done } = await next;
      if (done) return;
      next = started();
      yield value;
    }
  } finally {
    await next.catch(() => {});
    await items.return();
  }
}
