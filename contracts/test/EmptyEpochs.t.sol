// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEmission} from "../src/interfaces/IEmission.sol";
import {Debits, IEscrow} from "../src/interfaces/IEscrow.sol";
import {IOracleRegistry, Signature} from "../src/interfaces/IOracleRegistry.sol";
import {EpochPool, EpochReport, EpochStatus, ISettlement} from "../src/interfaces/ISettlement.sol";
import {OracleDomain} from "../src/libraries/OracleDomain.sol";
import {Economy} from "./support/Economy.sol";

contract EmptyEpochsTest is Economy {
    bytes32[] private noProof;

    function setUp() external {
        deployEconomy(0);
        rotate(GROUP_SECRET, 0);
        deposit(ALICE, IO_ASSET, 1000e18);
        vm.prank(ALICE);
        io.transfer(BOB, 1000e18);
        endEpoch(0);
    }

    function empty(uint64 epoch) private {
        if (vm.getBlockTimestamp() < START + (epoch + 1) * EPOCH_LENGTH_SEC) endEpoch(epoch);
        settlement.settleEmpty(epoch, quorum(settlement.emptyEpochDigest(epoch), 0, 3));
    }

    function refuses(uint64 epoch, Signature[] memory signatures, bytes memory reason) private {
        vm.expectRevert(reason);
        settlement.settleEmpty(epoch, signatures);
    }

    function request(address payer, uint256 amount) private {
        vm.prank(payer);
        escrow.requestWithdraw(IO_ASSET, amount);
    }

    function test_thePoolGoesToTheReserveAndNothingElseChanges() external {
        EpochReport memory report = paying(3e18, 2e18, 0, 5e18);
        report.rewardRoot = rewardLeaf(BOB, 10e18);
        report.debitRoot = debitLeaf(ALICE, 0, 5e18);
        settle(report);
        burn(1e18);
        endEpoch(1);
        EpochPool memory pool = settlement.nextPool();
        vm.assertTrue(pool.net > 0 && pool.released > 0);
        uint256 reserve = settlement.reserve() + pool.scheduled + pool.net;
        (uint256 supply, uint256 funded) = (io.totalSupply(), distributor.funded());
        uint256 cap = emission.emissionOf(1).cap;
        (uint256 scheduled, uint256 net) = emission.totals();

        vm.expectEmit(true, true, true, true, address(settlement));
        emit ISettlement.EpochEmptied(1);
        vm.expectEmit(true, true, true, true, address(emission));
        emit IEmission.EpochMinted(1, pool.scheduled, scheduled + pool.scheduled);
        vm.expectEmit(true, true, true, true, address(emission));
        emit IEmission.NetEmissionMinted(1, 1e18, cap, pool.net, net + pool.net);
        vm.expectEmit(true, true, true, true, address(settlement));
        emit ISettlement.RewardsPosted(1, report.rewardRoot, report.debitRoot, 0, pool.released, reserve, 0);
        empty(1);

        vm.assertTrue(settlement.statusOf(1) == EpochStatus.Active);
        vm.assertEq(settlement.nextEpoch(), 2);
        vm.assertEq(settlement.reserve(), reserve);
        vm.assertEq(io.balanceOf(address(settlement)), reserve);
        vm.assertEq(io.totalSupply(), supply + pool.scheduled + pool.net);
        vm.assertEq(distributor.funded(), funded);
        vm.assertEq(distributor.root(), report.rewardRoot);
        vm.assertEq(escrow.held(IO_ASSET), 995e18);
        Debits memory debits = escrow.debits();
        vm.assertEq(debits.root, report.debitRoot);
        vm.assertEq(debits.io, 5e18);
        vm.assertEq(debits.settledEpochs, 2);
        vm.assertEq(debits.rootEpochs, 1);
        vm.assertEq(debits.activatedAt, START + EPOCH_LENGTH_SEC);
        // What was earned before can be claimed.
        vm.assertEq(distributor.claim(BOB, 10e18, noProof), 10e18);
    }

    function test_theNextEpochIsSettledAsEver() external {
        empty(0);
        uint256 reserve = settlement.reserve();
        endEpoch(1);
        EpochPool memory pool = settlement.nextPool();
        vm.assertEq(pool.released, reserve / (365 days / EPOCH_LENGTH_SEC));
        // What was used in both, in one report.
        EpochReport memory report = paying(0, pool.pool, 0, 500e18);
        report.debitRoot = debitLeaf(ALICE, 0, 500e18);
        settle(report);
        vm.assertEq(settlement.reserve(), reserve - pool.released);
        vm.assertEq(escrow.debits().rootEpochs, 2);
        vm.assertEq(escrow.held(IO_ASSET), 500e18);
    }

    function test_isDecidedByAQuorumOfIdentities() external {
        bytes32 digest = settlement.emptyEpochDigest(0);
        refuses(
            0, quorum(digest, 0, 2), abi.encodeWithSelector(IOracleRegistry.QuorumNotReached.selector, 2, 3)
        );
        refuses(
            0,
            quorum(digest, 2, 3),
            abi.encodeWithSelector(IOracleRegistry.NotActiveMember.selector, member(4).identity)
        );
        settlement.settleEmpty(0, quorum(digest, 1, 3));
    }

    function test_isDecidedAfterTheEndOfTheEpochInOrderAndOnce() external {
        Signature[] memory three = quorum(settlement.emptyEpochDigest(1), 0, 3);
        refuses(1, three, abi.encodeWithSelector(ISettlement.EpochOutOfOrder.selector, 1, 0));
        empty(0);
        uint256 end = START + 2 * EPOCH_LENGTH_SEC;
        vm.warp(end - 1);
        refuses(1, three, abi.encodeWithSelector(ISettlement.EpochNotEnded.selector, end - 1, end));
        vm.warp(end);
        settlement.settleEmpty(1, three);
        refuses(1, three, abi.encodeWithSelector(ISettlement.EpochOutOfOrder.selector, 1, 2));
    }

    function test_isSignedForTheNewestKeyEpochInTheNetworksDomain() external {
        bytes32 typeHash = keccak256("EmptyEpoch(uint32 keyEpoch,uint64 epoch)");
        bytes32 structHash = keccak256(abi.encode(typeHash, uint256(1), uint256(0)));
        vm.assertEq(
            settlement.emptyEpochDigest(0), OracleDomain.digest(registry.DOMAIN_SEPARATOR(), structHash)
        );
        Signature[] memory three = quorum(settlement.emptyEpochDigest(0), 0, 3);
        rotate(GROUP_SECRET + 1, 0);
        vm.expectRevert();
        settlement.settleEmpty(0, three);
        empty(0);
    }

    /// @dev Invariants 3 and 5 over any mixture of empty and other epochs.
    function testFuzz_conservesEveryWei(uint8 which, uint256[4] memory shares) external {
        for (uint64 epoch = 0; epoch < 4; ++epoch) {
            EpochPool memory pool = settlement.nextPool();
            uint256 reserve = settlement.reserve();
            bool isEmpty = (which >> epoch) & 1 == 1;
            uint256 paid = isEmpty ? 0 : bound(shares[epoch], 0, pool.pool);
            if (isEmpty) empty(epoch);
            else settle(paying(0, paid, 0, 0));
            vm.assertEq(settlement.reserve() + paid + pool.released, reserve + pool.pool);
            vm.assertEq(io.balanceOf(address(settlement)), settlement.reserve());
            (uint256 scheduled, uint256 net) = emission.totals();
            vm.assertEq(io.totalSupply(), GENESIS + scheduled + net);
            vm.assertEq(escrow.debits().settledEpochs, epoch + 1);
            endEpoch(epoch + 1);
        }
    }

    // --- withdrawals ---

    function test_whoFirstDepositedInAnEmptiedEpochHasALeafInTheNextRoot() external {
        settle(emptyReport());
        deposit(BOB, IO_ASSET, 100e18);
        request(BOB, 100e18);
        for (uint64 epoch = 1; epoch < 5; ++epoch) {
            empty(epoch);
        }
        // Holds are over, but what was used in those epochs may be in the next report.
        vm.prank(BOB);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.NotYetWithdrawable.selector, 1, 5));
        escrow.finish(IO_ASSET, 0, 0, noProof);

        endEpoch(5);
        EpochReport memory report = paying(0, 0, 0, 30e18);
        report.debitRoot = debitLeaf(BOB, 0, 30e18);
        settle(report);
        vm.prank(BOB);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.InvalidProof.selector, BOB, 0, 0));
        escrow.finish(IO_ASSET, 0, 0, noProof);
        vm.prank(BOB);
        vm.assertEq(escrow.finish(IO_ASSET, 0, 30e18, noProof), 70e18);
    }

    function test_whoFirstDepositedInAnEmptiedEpochNeedsNoLeafWhenNoRootComes() external {
        EpochReport memory report = emptyReport();
        report.debitRoot = debitLeaf(ALICE, 0, 0);
        settle(report);
        uint256 activatedAt = vm.getBlockTimestamp();
        deposit(BOB, IO_ASSET, 100e18);
        request(BOB, 100e18);
        request(ALICE, 1000e18);
        empty(1);
        empty(2);
        // Epochs that are settled empty keep nobody waiting for another thirty days.
        vm.warp(activatedAt + 30 days - 1);
        vm.prank(BOB);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.NotYetWithdrawable.selector, 1, 5));
        escrow.finish(IO_ASSET, 0, 0, noProof);
        vm.warp(activatedAt + 30 days);
        vm.prank(BOB);
        vm.assertEq(escrow.finish(IO_ASSET, 0, 0, noProof), 100e18);
        vm.prank(ALICE);
        vm.assertEq(escrow.finish(IO_ASSET, 0, 0, noProof), 1000e18);
    }

    function test_onlySettlementSkipsAnEpoch() external {
        vm.expectRevert(
            abi.encodeWithSelector(IEscrow.Unauthorized.selector, address(this), address(settlement))
        );
        escrow.skip(0);
    }
}
