// Deliberate bugs of the plan 'overlapped': mutations.mjs has the others.

const tests = ['native:CudaOverlap'];

/** @type {readonly import('./mutations.mjs').Mutation[]} */
export const overlapMutations = [
  {
    name: 'steps do not wait for what goes before them',
    file: 'overlap.h',
    from: '    both.Precede(steps_.stream);\n',
    to: '',
    tests,
  },
  {
    name: 'what goes after steps does not wait for them',
    file: 'overlap.h',
    from: '    steps.Precede(beside_.stream);\n',
    to: '',
    tests,
  },
  {
    name: 'runs that overlap do not meet',
    file: 'overlap.h',
    from: '      Meet();\n      steps(k);',
    to: '      steps(k);',
    tests,
  },
  {
    name: 'what goes before the first steps is beside what the op comes after',
    file: 'bn_lstm.cu',
    from: '  overlap.Meet();\n  for',
    to: '  for',
    tests,
  },
  {
    name: 'the op ends before what goes after its last steps, forward',
    file: 'bn_lstm.cu',
    from: '->End();\n  overlap.Meet();',
    to: '->End();',
    tests,
  },
  {
    name: 'what goes before the first steps is beside what the op comes after, backward',
    file: 'bn_lstm_backward.cu',
    from: '  overlap.Meet();\n  for',
    to: '  for',
    tests,
  },
  {
    name: 'the op ends before what goes after its last steps, backward',
    file: 'bn_lstm_backward.cu',
    from: '  for (const Backward* each : directions) each->End();\n  overlap.Meet();',
    to: '  for (const Backward* each : directions) each->End();',
    tests,
  },
  {
    name: 'runs that overlap share memory',
    file: 'bn_lstm_plan.h',
    from: 'return overlaps ? 2 : 1;',
    to: 'return 1;',
    tests,
  },
  {
    name: 'runs that overlap share an exchange',
    file: 'bn_lstm_sequence.h',
    from: 's / run_ % runs_) * bytes_',
    to: 's / run_ % 1) * bytes_',
    tests,
  },
  {
    name: 'runs that overlap share where states are kept',
    file: 'bn_lstm_sequence.h',
    from: 'op.zoneout_h != 0 ? runs : 0',
    to: 'op.zoneout_h != 0 ? 1 : 0',
    tests,
  },
  {
    name: 'steps that run again are beside what reads them',
    file: 'bn_lstm_plan.cpp',
    from: 'at.runs(at.T) > 1 && !again',
    to: 'at.runs(at.T) > 1',
    tests,
  },
  {
    name: 'the second stream is not drained after an error',
    file: 'queue.cpp',
    from: '&record, &beside_stream_, &down}',
    to: '&record, &down}',
    tests,
  },
];
