import fc from 'fast-check';

// One seed for all, so that a run can be repeated; FC_SEED=$RANDOM npm test looks elsewhere.
const seed = Number(process.env.FC_SEED ?? 150203167);
// Where only pass or fail counts, as in mutation testing, nobody reads the counterexample.
const endOnFailure = process.env.FC_SHRINK === '0';
fc.configureGlobal({ seed, endOnFailure });
