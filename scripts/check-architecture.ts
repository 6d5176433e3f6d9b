import { checkArchitecture } from './architecture.ts'
import { deadExports } from './dead-exports.ts'
import { readFiles, readManifest, sourceOf } from './project-files.ts'

const manifest = readManifest()
const files = readFiles('{src,test,demo,bench,examples}/**/*.ts')
const entries = Object.values(manifest.exports).flatMap((target) =>
  typeof target === 'string' ? [] : [sourceOf(target)],
)
const problems = [
  ...checkArchitecture({
    files,
    dependencies: Object.keys(manifest.dependencies),
    peerDependencies: Object.keys(manifest.peerDependencies),
  }),
  ...deadExports(files, new Set(entries)),
]

for (const problem of problems) console.error(problem)
console.log(`architecture: ${files.size} files, ${problems.length} problems`)
process.exitCode = problems.length === 0 ? 0 : 1
