import fc from 'fast-check';

// One seed for all, so that a run can be repeated; FC_SEED=$RANDOM npm test looks elsewhere.
fc.configureGlobal({ seed: Number(process.env.FC_SEED ?? 150203167) });
