// A host in Rust, through the bindings that bindgen makes of aoetarget.h. It serves a volume in memory as e1.1 until it
// is killed.
//
//     volume-rust INTERFACE
#![allow(non_camel_case_types, non_upper_case_globals, non_snake_case, dead_code)]

mod aoetarget {
    include!(env!("AOETARGET_BINDINGS"));
}

use aoetarget::*;
use std::ffi::{c_void, CStr, CString};
use std::mem::{size_of, zeroed};
use std::ptr::{copy_nonoverlapping, null, null_mut};
use std::slice;

struct Volume {
    bytes: Vec<u8>,
}

impl Volume {
    /// The buffers of one operation, one after another.
    fn carry_out(&mut self, io: *mut aoetarget_io) {
        let mut count = 0;
        let mut at = unsafe { aoetarget_io_first(io) } as usize * AOETARGET_SECTOR_BYTES as usize;
        let (op, buffers) = unsafe { (aoetarget_io_op(io), aoetarget_io_iov(io, &mut count)) };
        if count == 0 {
            return; // the slice would begin nowhere
        }
        for buffer in unsafe { slice::from_raw_parts(buffers, count as usize) } {
            let (length, memory) = (buffer.iov_len as usize, buffer.iov_base as *mut u8);
            let ours = &mut self.bytes[at..at + length];
            unsafe {
                if op == AOETARGET_IO_READ as i32 {
                    copy_nonoverlapping(ours.as_ptr(), memory, length)
                } else {
                    copy_nonoverlapping(memory, ours.as_mut_ptr(), length)
                }
            }
            at += length;
        }
    }
}

unsafe extern "C" fn submit(user: *mut c_void, io: *mut aoetarget_io) {
    // A panic must not leave; here it ends the process, which is what -C panic=abort says.
    (*(user as *mut Volume)).carry_out(io);
    aoetarget_io_complete(io, 0);
}

unsafe extern "C" fn destroy(user: *mut c_void) {
    drop(Box::from_raw(user as *mut Volume));
}

fn checked(result: i32) {
    if result < 0 {
        let text = unsafe { CStr::from_ptr(aoetarget_error()) };
        eprintln!("{}", text.to_string_lossy());
        std::process::exit(1);
    }
}

fn main() {
    let interface = CString::new(std::env::args().nth(1).expect("an interface")).unwrap();
    let volume = Box::new(Volume { bytes: vec![0; 1 << 20] });
    unsafe {
        let mut ops: aoetarget_device_ops = zeroed();
        ops.size = size_of::<aoetarget_device_ops>() as _;
        ops.submit = Some(submit);
        ops.destroy = Some(destroy);
        let mut geometry: aoetarget_geometry = zeroed();
        geometry.size = size_of::<aoetarget_geometry>() as _;
        geometry.sectors = volume.bytes.len() as u64 / AOETARGET_SECTOR_BYTES as u64;
        let mut options: aoetarget_export_options = zeroed();
        options.size = size_of::<aoetarget_export_options>() as _;
        options.shelf = 1;
        options.slot = 1;
        let target = aoetarget_create(null());
        checked(aoetarget_add_interface(target, interface.as_ptr(), null(), null_mut()));
        let device = aoetarget_create_device(&ops, &geometry, Box::into_raw(volume) as *mut c_void);
        checked(aoetarget_add_export(target, &options, device));
        checked(aoetarget_run(target));
        checked(aoetarget_destroy(target));
    }
}
