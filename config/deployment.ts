import { type Deployment, deploymentSchema } from '../chain/deployment.ts'
import { addSchemaIssues, type Problems, readJson } from './load.ts'

/** Reads a deployment file; adds every problem under `prefix`. */
export function readDeployment(file: string, prefix: string, problems: Problems): Deployment | undefined {
  const document = readJson(file, prefix, problems)
  if (document === undefined) return undefined
  const parsed = deploymentSchema.safeParse(document)
  if (parsed.success) return parsed.data
  addSchemaIssues(parsed.error, prefix, problems)
  return undefined
}
