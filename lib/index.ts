// The public interface of the package: nothing else is promised to stay.
export { type ArrayDataOptions, arrayData } from './data/array.js';
export { type CsvDataOptions, csvData } from './data/csv.js';
export type { BucketOptions, DataForm, FileSource, TargetKind } from './data/file_source.js';
export { type IterableDataOptions, iterableData } from './data/iterable.js';
export * from './data/mnist.js';
export {
  type NpyDataOptions,
  type NpzDataOptions,
  type NumpyOptions,
  npyData,
  npzData,
} from './data/npy.js';
export { type PrefetchOptions, prefetch } from './data/prefetch.js';
export type { Sample } from './data/sample.js';
export { type SequenceDataOptions, sequenceData } from './data/sequence.js';
export type {
  Batch,
  BatchOptions,
  DataCursor,
  DataSource,
  LastBatch,
  SeekableSource,
} from './data/source.js';
export { type TextStream, type TextStreamOptions, textStream } from './data/text_stream.js';
export {
  type CudaInfo,
  type DeviceInfo,
  type DeviceProbe,
  type GpuInfo,
  probeDevices,
} from './device.js';
export { BnLstmError, type ErrorCode, errorCodes } from './errors.js';
export type { EvaluateOptions, Evaluation } from './infer/evaluate.js';
export type { Prediction, PredictOptions, RecurrentState } from './infer/predict.js';
export {
  type CsvColumn,
  type CsvFormat,
  type CsvOptions,
  type CsvTable,
  readCsv,
} from './io/csv.js';
export type { CsvDelimiter } from './io/csv_records.js';
export type { HistoryRecord } from './io/history.js';
export { type NpyArray, readNpy } from './io/npy.js';
export { type NpzOptions, readNpz } from './io/npz.js';
export { readHistory } from './io/read_history.js';
export type { DeviceOptions } from './model/device.js';
export { load } from './model/load.js';
export type { ModelMemory } from './model/memory.js';
export type { LayerStatistics, Model, ModelStatistics, ParameterInfo } from './model/model.js';
export type { LayerPlan, ModelPlan, PlanOptions } from './model/plan.js';
export {
  type SelfTestOptions,
  type SelfTestResult,
  type SelfTestTensor,
  selfTest,
} from './model/self_test.js';
export { type ModelOptions, sequential } from './model/sequential.js';
export type { FloatType } from './native.js';
export { bidirectional } from './nn/bidirectional.js';
export { type BnLstmOptions, bnLstm } from './nn/bn_lstm.js';
export { dropout } from './nn/dropout.js';
export { type EmbeddingOptions, embedding } from './nn/embedding.js';
export {
  constant,
  type Gate,
  glorot,
  type IdentityOptions,
  type Initializer,
  identity,
  orthogonal,
  paperInit,
  type RecurrentInit,
  type ScaleOptions,
  type UniformOptions,
  uniform,
  zeros,
} from './nn/initializers.js';
export { lastStep } from './nn/last_step.js';
export type { Layer, LayerConfig } from './nn/layer.js';
export { type LinearOptions, linear } from './nn/linear.js';
export { crossEntropy, type Loss, meanSquaredError } from './nn/loss.js';
export { type LstmOptions, lstm, type RecurrentOptions } from './nn/lstm.js';
export type { StatisticsChoice } from './nn/pass.js';
export type { StatisticsStatus } from './nn/population_status.js';
export type { ReadOptions } from './nn/reading.js';
export type { RecurrentLayer } from './nn/recurrent.js';
export type { StatisticsOptions } from './nn/statistics_choice.js';
export type { BnLstmPlan } from './ops/bn_lstm.js';
export { type AdamOptions, adam } from './optim/adam.js';
export { type AdamwOptions, adamw } from './optim/adamw.js';
export type { ParameterGroup } from './optim/groups.js';
export type { LearningRate, Optimizer } from './optim/optimizer.js';
export { type RmspropOptions, rmsprop } from './optim/rmsprop.js';
export {
  type CosineOptions,
  cosine,
  type PlateauOptions,
  plateau,
  type Schedule,
  type ScheduleMetrics,
  type ScheduleState,
  type StepDecayOptions,
  stepDecay,
} from './optim/schedule.js';
export { type SgdOptions, sgd } from './optim/sgd.js';
export type { OpPlan } from './program/op_plans.js';
export { OutOfMemoryError } from './program/out_of_memory_error.js';
export type { OpTime, Profile } from './program/profile.js';
export type { Recompute, RecomputeMode } from './recompute.js';
export { makeReport, type ReportOptions, writeReport } from './report/report.js';
export type { ReportRun } from './report/run_log.js';
export type { StatisticsEstimate } from './train/estimate_statistics.js';
export type {
  BestResult,
  CheckpointOptions,
  EarlyStoppingOptions,
  EstimateOptions,
  FitOptions,
  FitResult,
  ValidationOptions,
} from './train/fit_options.js';
export type { ModeBytes, StepMemory } from './train/memory_mode.js';
export { NotFiniteError } from './train/not_finite_error.js';
export type { RunOptions, StepOptions, TrainerOptions } from './train/options.js';
export type { Trainer } from './train/trainer.js';
export type { TrainerMemory } from './train/training_memory.js';
export type { StepResult } from './train/turn.js';
export { VERSION } from './version.js';
