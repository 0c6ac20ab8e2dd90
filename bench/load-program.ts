// What every load program is: told its load, it gets ready, starts when all are ready, and sends what it measured.

/** `prepare` returns the load that is ready to start; what it returns then is the result. */
export const runLoadProgram = <Load>(prepare: (load: Load) => Promise<() => Promise<object>>): void => {
  process.once('message', (load: Load) => {
    void work(() => prepare(load))
  })
}

const work = async (prepare: () => Promise<() => Promise<object>>): Promise<void> => {
  const start = await prepare()
  const told = new Promise((resolve) => process.once('message', resolve))
  process.send?.(READY)
  await told
  process.send?.(await start())
  process.disconnect()
}

export const READY = 'ready'
export const START = 'start'
