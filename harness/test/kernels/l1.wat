;; Another kernel: it ranks by the L1 distance of the vectors as stored in int8, exactly and naively.
;; It is here to show that the code in a file is what answers. It knows nothing of codes and lists: it asks for the i8
;; records, all of them, in the order in which they are stored. Interface: spec/kernel.md, section 7.
;; It trusts its host, and checks no pointers; of what is in the file it checks the rows.
;; ctx:   0 dimension, 4 rows, 8 record stride, 12 where the i8 records stand if they are resident, else 0
;; state: 0 k, 4 dimension, 8 rows, 12 stride, 16 next record, 20 records a need, 24 fed pointer, 28 records asked for,
;;        32 the need (16 bytes), 48 hits, 52 ctx, 56 records ranked, 64 vector (4 * dimension bytes),
;;        then hits (8 * k bytes: row, distance)
(module
  (memory (export "memory") 1)
  (global (export "__heap_base") i32 (i32.const 1024))
  (func (export "rvf_abi") (result i32) (i32.const 0x20002))
  ;; Coded search (of a kind), blocks, each metric (it minds none), i8, INDEX layout 2. No filter.
  (func (export "rvf_caps") (result i32) (i32.const 0x203e2))
  (func (export "rvf_open") (param $index i32) (param $len i32) (param $ctx i32) (param $ctx_len i32) (result i32)
    (if (i32.ne (i32.load16_u offset=4 (local.get $index)) (i32.const 2)) (then (return (i32.const -5))))
    (i32.store (local.get $ctx) (i32.load offset=0x0c (local.get $index)))
    (i32.store offset=4 (local.get $ctx) (i32.load offset=0x08 (local.get $index)))
    ;; 12 + 4 * ceil(dimension / 4)
    (i32.store offset=8 (local.get $ctx) (i32.and (i32.add (i32.load (local.get $ctx)) (i32.const 15)) (i32.const -4)))
    (i32.store offset=12 (local.get $ctx) (i32.const 0))
    (i32.const 0))
  (func (export "rvf_resident") (param $ctx i32) (param $region i32) (param $ptr i32) (param $len i32) (result i32)
    (if (i32.eq (local.get $region) (i32.const 2)) (then (i32.store offset=12 (local.get $ctx) (local.get $ptr))))
    (i32.const 0))
  (func (export "rvf_size") (param $ctx i32) (param $params i32) (result i32)
    (i32.add (i32.const 64) (i32.add
      (i32.mul (i32.const 4) (i32.load (local.get $ctx)))
      (i32.mul (i32.const 8) (i32.load (local.get $params))))))
  (func (export "rvf_begin") (param $ctx i32) (param $params i32) (param $vector i32) (param $state i32) (param $len i32) (result i32)
    (local $rows i32) (local $at_once i32)
    (local.set $rows (i32.load offset=4 (local.get $ctx)))
    (local.set $at_once (i32.div_u (i32.load offset=24 (local.get $params)) (i32.load offset=8 (local.get $ctx))))
    (if (i32.eqz (local.get $at_once)) (then (return (i32.const -8))))
    (i32.store (local.get $state) (i32.load (local.get $params)))
    (i32.store offset=4 (local.get $state) (i32.load (local.get $ctx)))
    (i32.store offset=8 (local.get $state) (local.get $rows))
    (i32.store offset=12 (local.get $state) (i32.load offset=8 (local.get $ctx)))
    ;; In mode 1 no record is left to ask for: the host brings them.
    (i32.store offset=16 (local.get $state) (i32.mul (i32.load offset=4 (local.get $params)) (local.get $rows)))
    (i32.store offset=20 (local.get $state) (local.get $at_once))
    (i32.store offset=24 (local.get $state) (i32.const 0))
    (i32.store offset=28 (local.get $state) (i32.const 0))
    (i32.store offset=48 (local.get $state) (i32.const 0))
    (i32.store offset=52 (local.get $state) (local.get $ctx))
    (i32.store offset=56 (local.get $state) (i32.const 0))
    (call $copy (i32.add (local.get $state) (i32.const 64)) (local.get $vector) (i32.load (local.get $ctx)))
    (i32.const 0))
  (func $copy (param $to i32) (param $from i32) (param $words i32)
    (block $end (loop $next
      (br_if $end (i32.eqz (local.get $words)))
      (i32.store (local.get $to) (i32.load (local.get $from)))
      (local.set $to (i32.add (local.get $to) (i32.const 4)))
      (local.set $from (i32.add (local.get $from) (i32.const 4)))
      (local.set $words (i32.sub (local.get $words) (i32.const 1)))
      (br $next))))
  (func $distance (param $state i32) (param $record i32) (result f32)
    (local $i i32) (local $sum f32) (local $scale f32)
    (local.set $scale (f32.load offset=4 (local.get $record)))
    (block $end (loop $next
      (br_if $end (i32.ge_u (local.get $i) (i32.load offset=4 (local.get $state))))
      (local.set $sum (f32.add (local.get $sum) (f32.abs (f32.sub
        (f32.mul (local.get $scale) (f32.convert_i32_s (i32.load8_s offset=12 (i32.add (local.get $record) (local.get $i)))))
        (f32.load offset=64 (i32.add (local.get $state) (i32.shl (local.get $i) (i32.const 2))))))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br $next)))
    (local.get $sum))
  ;; Where the hit of a place stands.
  (func $hit (param $state i32) (param $place i32) (result i32)
    (i32.add (i32.add (local.get $state) (i32.const 64)) (i32.add
      (i32.shl (i32.load offset=4 (local.get $state)) (i32.const 2))
      (i32.shl (local.get $place) (i32.const 3)))))
  ;; Whether a row is to stand before a hit: by (distance, row), since records come in any order of rows.
  (func $before (param $row i32) (param $distance f32) (param $hit i32) (result i32)
    (i32.or
      (f32.lt (local.get $distance) (f32.load offset=4 (local.get $hit)))
      (i32.and
        (f32.eq (local.get $distance) (f32.load offset=4 (local.get $hit)))
        (i32.lt_u (local.get $row) (i32.load (local.get $hit))))))
  ;; Puts a row into the sorted list of the k best.
  (func $offer (param $state i32) (param $row i32) (param $distance f32)
    (local $n i32) (local $at i32)
    (local.set $n (i32.load offset=48 (local.get $state)))
    (if (i32.eq (local.get $n) (i32.load (local.get $state)))
      (then
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (if (i32.eqz (call $before (local.get $row) (local.get $distance) (call $hit (local.get $state) (local.get $n))))
          (then (return)))))
    (i32.store offset=48 (local.get $state) (i32.add (local.get $n) (i32.const 1)))
    (block $end (loop $next
      (br_if $end (i32.eqz (local.get $n)))
      (local.set $at (call $hit (local.get $state) (i32.sub (local.get $n) (i32.const 1))))
      (br_if $end (i32.eqz (call $before (local.get $row) (local.get $distance) (local.get $at))))
      (i64.store offset=8 (local.get $at) (i64.load (local.get $at)))
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (br $next)))
    (local.set $at (call $hit (local.get $state) (local.get $n)))
    (i32.store (local.get $at) (local.get $row))
    (f32.store offset=4 (local.get $at) (local.get $distance)))
  (func $block (export "rvf_block") (param $state i32) (param $record i32) (param $count i32) (result i32)
    (block $end (loop $next
      (br_if $end (i32.eqz (local.get $count)))
      (if (i32.ge_u (i32.load (local.get $record)) (i32.load offset=8 (local.get $state))) (then (return (i32.const -9))))
      (call $offer (local.get $state) (i32.load (local.get $record)) (call $distance (local.get $state) (local.get $record)))
      (local.set $record (i32.add (local.get $record) (i32.load offset=12 (local.get $state))))
      (local.set $count (i32.sub (local.get $count) (i32.const 1)))
      (br $next)))
    (i32.const 0))
  (func (export "rvf_step") (param $state i32) (result i32)
    (local $resident i32) (local $code i32) (local $left i32)
    ;; Resident records are as good as fed ones: all that are left, at once.
    (local.set $resident (i32.load offset=12 (i32.load offset=52 (local.get $state))))
    (if (local.get $resident) (then
      (i32.store offset=24 (local.get $state) (i32.add (local.get $resident)
        (i32.mul (i32.load offset=16 (local.get $state)) (i32.load offset=12 (local.get $state)))))
      (i32.store offset=28 (local.get $state)
        (i32.sub (i32.load offset=8 (local.get $state)) (i32.load offset=16 (local.get $state))))))
    ;; What was fed; STATE if that is nothing.
    (local.set $left (i32.load offset=28 (local.get $state)))
    (if (local.get $left) (then
      (if (i32.eqz (i32.load offset=24 (local.get $state))) (then (return (i32.const -10))))
      (local.set $code (call $block (local.get $state) (i32.load offset=24 (local.get $state)) (local.get $left)))
      (if (local.get $code) (then (return (local.get $code))))
      (i32.store offset=56 (local.get $state) (i32.add (i32.load offset=56 (local.get $state)) (local.get $left)))
      (i32.store offset=16 (local.get $state) (i32.add (i32.load offset=16 (local.get $state)) (local.get $left)))
      (i32.store offset=24 (local.get $state) (i32.const 0))))
    ;; What is needed next.
    (local.set $left (i32.sub (i32.load offset=8 (local.get $state)) (i32.load offset=16 (local.get $state))))
    (if (i32.gt_u (local.get $left) (i32.load offset=20 (local.get $state)))
      (then (local.set $left (i32.load offset=20 (local.get $state)))))
    (i32.store offset=28 (local.get $state) (local.get $left))
    (i32.store offset=32 (local.get $state) (i32.const 2))
    (i32.store offset=36 (local.get $state) (i32.mul (local.get $left) (i32.load offset=12 (local.get $state))))
    (i64.store offset=40 (local.get $state) (i64.mul
      (i64.extend_i32_u (i32.load offset=16 (local.get $state))) (i64.extend_i32_u (i32.load offset=12 (local.get $state)))))
    (i32.ne (local.get $left) (i32.const 0)))
  (func (export "rvf_needs") (param $state i32) (result i32) (i32.add (local.get $state) (i32.const 32)))
  (func (export "rvf_feed") (param $state i32) (param $i i32) (param $ptr i32) (result i32)
    (i32.store offset=24 (local.get $state) (local.get $ptr))
    (i32.const 0))
  (func (export "rvf_results") (param $state i32) (param $out i32) (param $max i32) (result i32)
    (if (i32.gt_u (local.get $max) (i32.load offset=48 (local.get $state)))
      (then (local.set $max (i32.load offset=48 (local.get $state)))))
    (call $copy (local.get $out) (call $hit (local.get $state) (i32.const 0)) (i32.shl (local.get $max) (i32.const 1)))
    (local.get $max))
  ;; No codes, and all distances from i8 records.
  (func (export "rvf_stats") (param $state i32) (param $out i32) (result i32)
    (i64.store (local.get $out) (i64.const 0))
    (i32.store offset=8 (local.get $out) (i32.load offset=56 (local.get $state)))
    (i32.store offset=12 (local.get $out) (i32.const 0))
    (i32.const 0))
)
