// Starts what all tests share, once, and stops it after the last one.
import type { TestProject } from 'vitest/node'
import { startMariadb } from './mariadb.ts'

export default async (project: TestProject): Promise<() => Promise<void>> => {
  const server = await startMariadb()
  project.provide('mariadbUrl', server.baseUrl)
  return server.stop
}
