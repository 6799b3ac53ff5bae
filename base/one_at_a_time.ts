/**
 * Makes a queue that runs asynchronous tasks one after another.
 *
 * @returns A function that queues a task and settles as the task does.
 */
export function oneAtATime(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const result = last.then(work);
    last = result.catch(() => {});
    return result;
  };
}
